"""Guidance by points and by seeds: slow references, sizes of the published modules, and what happens without either."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.core import SceneGrid
from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.multi_scale import SCALES, MultiScaleFusion, SparseResidualBlock
from ssc_ros.networks.guidance.points import PointEvidence, measured_voxels
from ssc_ros.networks.guidance.semantic import SeedRefinement, SemanticGuidance, choose_seeds
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.networks.volume.sdb import SemanticDiffusion

GRID = SceneGrid((0.0, -3.2, -1.0), 0.4, (16, 16, 8))
NAN = float("nan")


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def cloud(count: int, seed: int = 0) -> torch.Tensor:
    """[count, 3], most of them inside of the box."""
    generator = torch.Generator().manual_seed(seed)
    low, high = (torch.tensor(c) for c in (GRID.min_corner, GRID.max_corner))
    return low + (high - low) * (1.2 * torch.rand(count, 3, generator=generator) - 0.1)


def network(seed: int = 0) -> ProposalNetwork:
    torch.manual_seed(seed)
    return ProposalNetwork(PointEvidence(GRID), BirdEyeUNet(GRID.shape[2]), OccupancyHead()).eval()


def test_sizes_are_those_counted_in_the_published_code():
    unused = {
        "choice of scale in the points' fusion": 32 * 16 + 16,
        "transposed convolutions to the full resolution": 4 * 4 * 64 + 4 + 8 * 8 * 16 + 8,
    }
    grid = SceneGrid((0.0, -25.6, -2.0), 0.2, (256, 256, 32))
    with torch.device("meta"):
        proposals = ProposalNetwork(PointEvidence(grid), BirdEyeUNet(grid.shape[2]), OccupancyHead())
        seeds = {c: SeedRefinement(c) for c in (128, 64)}
        heads = {
            c: GeometryHead(SemanticDiffusion(c, c // 2, 1), nn.Conv3d(c // 2, 1, 3, padding=1)) for c in (128, 64)
        }
        semantics = {c: SemanticGuidance(c, 20) for c in (128, 64)}
    assert parameters(proposals) == 350_298 - sum(unused.values())
    assert parameters(proposals.points) == 31_169 - unused["choice of scale in the points' fusion"]
    assert parameters(proposals.bird_eye.at_quarter) == 64_640
    assert parameters(proposals.bird_eye.at_eighth) == 103_840
    for channels, published, block in ((128, 2_174_336, 901_888), (64, 544_448, 225_664)):
        choice_of_scale = 2 * channels * channels + channels  # never called by the published code
        assert parameters(seeds[channels]) == published - 2 * choice_of_scale
        assert parameters(seeds[channels].fine) == block
    assert {c: parameters(head) for c, head in heads.items()} == {128: 499_777, 64: 125_729}
    assert {c: (parameters(s.fill), parameters(s.classes)) for c, s in semantics.items()} == {
        128: (16_704, 2_836),
        64: (4_256, 1_428),
    }


def slow_fusion(fusion, features, coordinates):
    """One scene, site by site."""
    reduced = functional.relu(fusion.reduce(features))
    rows = []
    for i, own in enumerate(coordinates):
        contexts = []
        for scale, describe in zip(SCALES, fusion.describe, strict=True):
            same = (coordinates // scale == own // scale).all(dim=1)
            contexts.append(functional.relu(describe(reduced[same].mean(dim=0))))
        common = functional.relu(fusion.common(sum(contexts)))
        gated = sum(c * gate(common).sigmoid() for c, gate in zip(contexts, fusion.gates, strict=True))
        rows.append(fusion.merge(torch.cat([reduced[i], fusion.expand(gated)])))
    return torch.stack(rows)


@torch.no_grad()
def test_context_of_four_scales_is_that_of_a_loop_over_voxels():
    torch.manual_seed(0)
    fusion = MultiScaleFusion(5, 3, 8)
    mask = torch.rand(2, 13, 9, 7) < 0.1
    volume = SparseVolume.from_dense(torch.randn(2, 5, 13, 9, 7), mask)
    fused = fusion(volume)
    for b in range(2):
        mine = volume.sites.coordinates[:, 0] == b
        expected = slow_fusion(fusion, volume.features[mine], volume.sites.coordinates[mine, 1:])
        torch.testing.assert_close(fused.features[mine], expected)


@torch.no_grad()
def test_a_residual_block_on_all_voxels_is_a_dense_one():
    torch.manual_seed(0)
    block = SparseResidualBlock(3, 4).eval()
    dense = torch.randn(2, 3, 5, 4, 3)
    ours = block(SparseVolume.from_dense(dense, torch.ones(2, 5, 4, 3, dtype=torch.bool))).dense()

    def norm(x, layer):
        return (x.movedim(1, -1) / (1 + layer.eps) ** 0.5).movedim(-1, 1)  # untrained statistics

    def convolve(x, layer):
        return functional.conv3d(x, layer.weight.movedim(-1, 1), padding=1)

    hidden = functional.leaky_relu(norm(convolve(dense, block.first), block.first_norm), 0.1)
    shortcut = torch.einsum("oc,bcxyz->boxyz", block.shortcut[0].weight, dense)
    body = norm(convolve(hidden, block.second), block.second_norm) + norm(shortcut, block.shortcut[1])
    torch.testing.assert_close(ours, functional.leaky_relu(body, 0.1), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_point_features_are_place_and_two_offsets():
    evidence = PointEvidence(GRID)
    seen = []
    evidence.encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    # two points of voxel (1, 8, 2), whose centre is (0.6, 0.2, 0), and one of the last voxel
    points = torch.tensor([[0.5, 0.2, 0.1], [0.7, 0.3, 0.1], [6.3, 3.1, 2.1]])
    evidence(points[None])
    low, high = (torch.tensor(c) for c in (GRID.min_corner, GRID.max_corner))
    place, from_mean, from_center = seen[0].split(3, dim=1)
    torch.testing.assert_close(place, 2 * (points - low) / (high - low) - 1)
    means = torch.tensor([[0.6, 0.25, 0.1], [0.6, 0.25, 0.1], [6.3, 3.1, 2.1]])
    centers = torch.tensor([[0.6, 0.2, 0.0], [0.6, 0.2, 0.0], [6.2, 3.0, 2.0]])
    torch.testing.assert_close(from_mean, (points - means) / 0.4, atol=1e-5, rtol=0)
    torch.testing.assert_close(from_center, (points - centers) / 0.4, atol=1e-5, rtol=0)


@torch.no_grad()
def test_evidence_is_where_points_are_and_ignores_their_order_and_copies():
    torch.manual_seed(0)
    evidence, points = PointEvidence(GRID).eval(), cloud(300)
    volume = evidence(points[None])
    held = measured_voxels(points[None], GRID)
    expected = torch.zeros(GRID.shape, dtype=torch.bool)
    index = GRID.indices(points.numpy())
    expected[tuple(torch.from_numpy(index[GRID.contains(index)]).T)] = True
    assert torch.equal(held[0], expected)
    assert torch.equal(volume > 0, held)
    assert volume.max() < 1
    torch.testing.assert_close(evidence(points[torch.randperm(300)][None]), volume)
    torch.testing.assert_close(evidence(points.repeat(2, 1)[None]), volume)


@torch.no_grad()
def test_a_batch_of_clouds_of_different_lengths_is_its_clouds():
    proposals, clouds = network(), torch.stack([cloud(90, 1), cloud(90, 2)])
    clouds[1, 50:] = NAN
    both = proposals(clouds)
    singles = [proposals(clouds[:1]), proposals(clouds[1:, :50])]
    for ours, theirs in zip(both, zip(*singles, strict=True), strict=True):
        torch.testing.assert_close(ours, torch.cat(theirs), atol=1e-5, rtol=1e-5)
    assert both.logits.shape == (2, 8, 8, 4)
    assert both.guidance.shape == (2, 8, 8, 8, 4)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_almost_no_points_are_no_error(training, count):
    points = torch.full((2, 3, 3), NAN)
    points[0, :count] = torch.tensor([1.0, 0.1, 0.1])
    proposals = network().train(training)
    assert proposals(points).logits.isfinite().all()


def test_an_untrained_network_guesses_that_a_tenth_is_occupied():
    """Neither nothing nor everything, which would be slow."""
    logits = network()(cloud(400)[None]).logits
    assert 0.02 < logits.sigmoid().mean() < 0.3


def test_seeds_are_the_proposals_or_what_was_measured_or_everything():
    shape = (2, 4, 3, 2)
    none = torch.zeros(shape, dtype=torch.bool)
    proposed, measured = none.clone(), none.clone()
    proposed[0, 0, 0] = True  # two voxels of the first scene
    proposed[1, 0, 0, 0] = True  # a single one of the second: too few
    measured[1, 2, 1:] = True
    assert torch.equal(choose_seeds(proposed, measured)[0], proposed[0])
    assert torch.equal(choose_seeds(proposed, measured)[1], measured[1])
    assert choose_seeds(proposed, none)[1].all()
    assert choose_seeds(none).all()


@torch.no_grad()
def test_seeds_are_refined_and_all_others_filled_from_their_own_features():
    torch.manual_seed(0)
    guidance = SemanticGuidance(8, 5).eval()
    volume, seeds = torch.randn(2, 8, 6, 5, 4), torch.rand(2, 6, 5, 4) < 0.3
    result, refined = guidance(volume, seeds)
    rows = result.movedim(1, -1)
    torch.testing.assert_close(rows[~seeds], guidance.fill(volume.movedim(1, -1)[~seeds]))
    torch.testing.assert_close(rows[seeds], refined.features)
    torch.testing.assert_close(refined.features, guidance.block(SparseVolume.from_dense(volume, seeds)).features)
    assert torch.equal(refined.sites.cells, seeds.flatten().nonzero()[:, 0])
    # a scene knows nothing of the other one of its batch
    torch.testing.assert_close(guidance(volume[1:], seeds[1:])[0], result[1:], atol=1e-5, rtol=1e-5)


def test_every_parameter_of_seeds_and_proposals_learns():
    torch.manual_seed(0)
    guidance = SemanticGuidance(8, 5)
    volume, refined = guidance(torch.randn(2, 8, 16, 9, 8), torch.rand(2, 16, 9, 8) < 0.3)
    (volume.square().mean() + guidance.classes(refined.features).square().mean()).backward()
    proposals = network().train()
    logits, guide = proposals(cloud(500)[None])
    (logits.square().mean() + guide.square().mean()).backward()
    for module in (guidance, proposals):
        assert [n for n, p in module.named_parameters() if not p.grad.abs().sum() > 0] == []


def test_the_bird_s_eye_halves_the_grid():
    assert BirdEyeUNet(16)(torch.rand(2, 16, 24, 16)).shape == (2, 8, 12, 8)


def test_norms_keep_the_proposals_alive():
    """Untrained, the deepest levels still vary with what is seen; without norms hardly anything is left of it."""
    torch.manual_seed(0)
    seen = (torch.rand(2, 32, 64, 64) < 0.02).float()
    spread = {}
    for norm in (False, True):
        net = BirdEyeUNet(32, norm=norm).train()
        half = net.at_half(functional.max_pool2d(net.at_full(seen), 2))
        quarter = net.at_quarter(functional.max_pool2d(half, 2))
        spread[norm] = quarter.std(dim=(0, 2, 3)).mean()
        assert (net(seen).shape, net.out_half.bias is not None) == ((2, 16, 32, 32), True)
    assert spread[True] > 0.3
    assert spread[False] < spread[True] / 20
