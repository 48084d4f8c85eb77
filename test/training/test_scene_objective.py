"""The objective: voxels drawn fairly, terms that add up, and nothing breaks on a scene without truth."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ssc_ros.core import DepthBins
from ssc_ros.losses import depth_cross_entropy, lovasz_softmax, sem_scal
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits
from ssc_ros.systems import SceneOutput
from ssc_ros.systems.spec import VoxelLogits
from ssc_ros.training.half_labels import halve_labels
from ssc_ros.training.scene_objective import RARE, SceneObjective, draw_voxels, emptiness
from ssc_ros.training.scene_sample import SceneTruth

BINS = DepthBins(1.0, 0.5, 8)


def random_output(seed: int = 0) -> SceneOutput:
    generator = torch.Generator().manual_seed(seed)
    semantic, offset = (torch.randn(2, n, 4, 6, 3, generator=generator, requires_grad=True) for n in (20, 8))
    depth, image = (torch.randn(2, n, 3, 5, generator=generator, requires_grad=True) for n in (BINS.count, 20))
    return SceneOutput(SubvoxelLogits(semantic, offset), depth, image)


def random_truth() -> SceneTruth:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 23, (2, 8, 12, 6), generator=generator)
    labels[labels > 19] = 255
    image = torch.randint(0, 20, (2, 3, 5), generator=generator)
    return SceneTruth(labels.to(torch.uint8), 5 * torch.rand(2, 3, 5, generator=generator), image.to(torch.uint8))


@pytest.mark.parametrize("rare", [True, False])
def test_draws_are_uniform_over_the_voxels_asked_for(rare: bool) -> None:
    among = random_truth().labels.flatten() != 255
    if rare:
        among[10:] = False
    assert (among.float().mean() < RARE) == rare
    drawn = draw_voxels(among, 200_000, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=len(among)).double()
    assert (counts[~among] == 0).all()
    expected = len(drawn) / among.sum()
    assert (counts[among] - expected).abs().max() < 5 * expected**0.5  # a Poisson count's deviation is its root
    assert len(draw_voxels(torch.zeros(9, dtype=torch.bool), 10, torch.Generator())) == 0


def test_draws_estimate_the_loss_of_the_whole_scene() -> None:
    output, truth = random_output(), random_truth()
    whole = sem_scal(output.scene.dense(), truth.labels)
    generator = torch.Generator().manual_seed(0)
    terms = SceneObjective(voxels=200_000)(output, truth, BINS, torch.ones(20), generator)
    drawn = terms["sem_scal"]
    assert drawn.item() == pytest.approx(whole.item(), rel=0.01)


def test_unknown_voxels_are_pulled_to_empty_and_known_ones_are_not_asked() -> None:
    output, truth = random_output(), random_truth()
    unknown = SceneObjective(cross_entropy=0, sem_scal=0, geo_scal=0, depth=0, image=0, unknown=1, voxels=4000)
    terms = unknown(output, truth, BINS, torch.ones(20), torch.Generator().manual_seed(0))
    assert set(terms) == {"unknown"}
    assert emptiness(torch.zeros(7, 20)).item() == pytest.approx(math.log(20))
    assert emptiness(torch.zeros(0, 20)).item() == 0
    terms["unknown"].backward()
    downhill = -output.scene.semantic.grad
    assert (downhill[:, 0] >= 0).all()  # towards empty, at the cost of every other class
    assert (downhill[:, 1:] <= 0).all()
    assert downhill[:, 0].sum() > 0
    for known in (truth.labels != 255).nonzero()[:50].tolist():
        b, *voxel = known
        siblings = truth.labels[b][tuple(slice(i // 2 * 2, i // 2 * 2 + 2) for i in voxel)]
        if (siblings != 255).all():
            assert downhill[(b, slice(None), *(i // 2 for i in voxel))].abs().max() == 0


SCENE_TERMS = {"cross_entropy", "sem_scal", "geo_scal", "lovasz", "unknown"}
ALL = SceneObjective(lovasz=1.0, voxels=500)


def terms(objective: SceneObjective, output: SceneOutput) -> dict[str, torch.Tensor]:
    return objective(output, random_truth(), BINS, torch.ones(20), torch.Generator().manual_seed(0))


def test_each_term_is_its_weight_times_the_same_and_zero_weights_vanish() -> None:
    output = random_output()
    full = terms(ALL, output)
    assert full.keys() == SCENE_TERMS | {"depth", "image"}
    for name, value in full.items():
        weight = getattr(ALL, name)
        assert value.item() > 0, name
        tripled = terms(replace(ALL, **{name: 3 * weight}), output)
        assert tripled[name].item() == pytest.approx(3 * value.item(), rel=1e-6)
        assert terms(replace(ALL, **{name: 0.0}), output).keys() == full.keys() - {name}


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"scene": None}, {"depth", "image"}),  # the image branch alone
        ({"depth": None, "image": None}, SCENE_TERMS),  # a network that reads no images
    ],
    ids=["image branch", "LiDAR"],
)
def test_only_what_is_predicted_is_judged(missing: dict[str, None], expected: set[str]) -> None:
    whole = terms(ALL, random_output())
    part = terms(ALL, replace(random_output(), **missing))
    assert part.keys() == expected
    assert all(value.item() == pytest.approx(whole[name].item()) for name, value in part.items())


def test_a_scene_without_truth_teaches_nothing_but_emptiness() -> None:
    output = random_output()
    nothing = SceneTruth(
        torch.full((2, 8, 12, 6), 255, dtype=torch.uint8),
        torch.zeros(2, 3, 5),
        torch.full((2, 3, 5), 255, dtype=torch.uint8),
    )
    objective = SceneObjective(lovasz=1.0, unknown=0.0)
    terms = objective(output, nothing, BINS, torch.ones(20), torch.Generator())
    assert terms.keys() == SCENE_TERMS - {"unknown"} | {"depth", "image"}
    loss = torch.stack(list(terms.values())).sum()
    loss.backward()
    assert loss.item() == 0
    for tensor in (output.scene.semantic, output.scene.empty_offset, output.depth, output.image):
        assert tensor.grad is None or (tensor.grad == 0).all()


def guided_output() -> SceneOutput:
    """Guesses at the occupancy of all half-resolution voxels, and classes of some of them."""
    generator = torch.Generator().manual_seed(2)
    occupancy = {name: torch.randn(2, 4, 6, 3, generator=generator, requires_grad=True) for name in ("a", "b")}
    seeds = torch.randperm(2 * 4 * 6 * 3, generator=generator)[:50]
    logits = torch.randn(50, 20, generator=generator, requires_grad=True)
    return SceneOutput(None, occupancy=occupancy, seeds=VoxelLogits(logits, seeds))


def test_guesses_and_seeds_are_judged_at_half_resolution() -> None:
    output, labels = guided_output(), halve_labels(random_truth().labels)
    given = terms(SceneObjective(occupancy=2.0, seeds=3.0), output)
    assert given.keys() == {"occupancy_a", "occupancy_b", "seeds"}
    known = labels != 255
    for name, logits in output.occupancy.items():
        probability = logits[known].sigmoid()
        right = torch.where(labels[known] == 0, 1 - probability, probability)
        assert given[f"occupancy_{name}"].item() == pytest.approx(-2 * right.log().mean().item(), rel=1e-5)
    truth = labels.flatten()[output.seeds.index]
    rows, truth = output.seeds.logits[truth != 255], truth[truth != 255].long()
    likelihood = rows.log_softmax(dim=1).gather(1, truth[:, None]).mean()
    expected = lovasz_softmax(rows, truth) - likelihood
    assert given["seeds"].item() == pytest.approx(3 * expected.item(), rel=1e-5)
    assert terms(SceneObjective(occupancy=0.0), output).keys() == {"seeds"}
    assert terms(SceneObjective(seeds=0.0), output).keys() == {"occupancy_a", "occupancy_b"}


def test_guidance_without_truth_teaches_nothing() -> None:
    output = guided_output()
    truth = random_truth()._replace(labels=torch.full((2, 8, 12, 6), 255, dtype=torch.uint8))
    judged = SceneObjective()(output, truth, BINS, torch.ones(20), torch.Generator())
    loss = torch.stack(list(judged.values())).sum()
    loss.backward()
    assert loss.item() == 0
    assert not output.seeds.logits.grad.any()


def test_the_temporal_scene_is_judged_like_the_scene() -> None:
    scene = random_output().scene
    both = terms(ALL, SceneOutput(scene, temporal=scene))
    assert both.keys() == SCENE_TERMS | {f"temporal_{name}" for name in SCENE_TERMS}
    assert terms(replace(ALL, temporal=0.0), SceneOutput(scene, temporal=scene)).keys() == SCENE_TERMS
    # voxels are drawn for each: with many draws, both estimate the same
    many = replace(ALL, voxels=100_000, temporal=2.0)
    both = terms(many, SceneOutput(scene, temporal=scene))
    for name in SCENE_TERMS:
        assert both[f"temporal_{name}"].item() == pytest.approx(2 * both[name].item(), rel=0.03)


def test_points_are_judged_by_the_voxels_that_they_lie_in() -> None:
    output = random_output()
    index, classes = torch.tensor([3, 3, 700, 1100]), torch.tensor([1, 1, 5, 9], dtype=torch.uint8)
    objective = replace(ALL, points=2.0)
    given = objective(output, random_truth(), BINS, torch.ones(20), torch.Generator(), (index, classes))
    rows = output.scene.dense().movedim(1, -1).reshape(-1, 20)[index]
    likelihood = rows.log_softmax(dim=1).gather(1, classes.long()[:, None]).mean()
    assert given["points"].item() == pytest.approx(2 * (lovasz_softmax(rows, classes) - likelihood).item(), rel=1e-5)
    assert "points" not in objective(output, random_truth(), BINS, torch.ones(20), torch.Generator())


def test_bins_of_depth_are_judged_where_asked() -> None:
    given = terms(replace(ALL, depth=0.0, depth_bce=2.0), random_output())
    expected = depth_cross_entropy(random_output().depth, random_truth().depth, BINS)
    assert given["depth_bce"].item() == pytest.approx(2 * expected.item())
    assert "depth" not in given
