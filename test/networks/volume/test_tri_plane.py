"""Planes and pointwise convolutions against their plain counterparts."""

import pytest
import torch
from torch import nn

from ssc_ros.networks.volume.aggregation import aggregate, weighed
from ssc_ros.networks.volume.blocks import AxialConv3d, Pointwise3d
from ssc_ros.networks.volume.measured import MeasuredFusion
from ssc_ros.networks.volume.tri_plane import PLANES, PlaneEncoder, PlanePool, PlaneUnpool, TriPlane


def test_pointwise_equals_a_1x1x1_convolution():
    torch.manual_seed(0)
    ours, theirs = Pointwise3d(5, 7), nn.Conv3d(5, 7, 1)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight[:, :, None, None, None])
        ours.bias.copy_(torch.randn(7, 1))
        theirs.bias.copy_(ours.bias[:, 0])
    volume = torch.randn(2, 5, 3, 4, 6)
    torch.testing.assert_close(ours(volume), theirs(volume))


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("slabs", [1, 2, 8])
def test_pooling_averages_with_weights_that_sum_to_one(plane, slabs):
    pool = PlanePool(3, PLANES[plane], 8, slabs, 6)
    pool.project = nn.Identity()
    constant = torch.randn(2, 3, 1, 1, 1).expand(2, 3, 8, 8, 8)
    pooled = pool(constant)
    torch.testing.assert_close(pooled, constant[:, :, 0, 0, :1, None].repeat(1, slabs, 1, 1).expand_as(pooled))


@pytest.mark.parametrize("plane", PLANES)
def test_all_slabs_lay_the_volume_out_as_channels_and_back(plane):
    axis = PLANES[plane]
    pool, unpool = PlanePool(3, axis, 8, 8, 1), PlaneUnpool(24, axis, 8, 8, 3)
    pool.project, unpool.project = nn.Identity(), nn.Identity()
    volume = torch.randn(2, 3, 8, 8, 8)
    torch.testing.assert_close(unpool(pool(volume)), volume)


def test_a_plane_seen_from_above_has_each_layer_with_all_of_its_channels():
    pool = PlanePool(3, PLANES["xy"], 5, 5, 1)
    pool.project = nn.Identity()
    volume = torch.randn(2, 3, 4, 6, 5)
    torch.testing.assert_close(pool(volume), torch.cat([volume[..., z] for z in range(5)], dim=1))


def test_one_slab_broadcasts_along_the_collapsed_axis():
    unpool = PlaneUnpool(4, PLANES["xy"], 8, 1, 3)
    assert unpool(torch.randn(1, 4, 5, 6)).shape == (1, 3, 5, 6, 1)


def test_aggregation_is_a_convex_combination():
    torch.manual_seed(0)
    block = TriPlane(4, (8, 16, 8), PlaneEncoder(8, (8, 8)), (4, 1, 2)).eval()
    for unpool in block.unpools.values():
        nn.init.zeros_(unpool.project.weight)
        nn.init.constant_(unpool.project.bias, 2.0)
    volume = torch.full((1, 4, 8, 16, 8), 2.0)
    torch.testing.assert_close(block(volume)[0], volume)


class AsItIs(nn.Module):
    """An encoder that leaves the planes alone."""

    width = 4

    def forward(self, plane):
        return plane, {"stage1": plane}


def test_planes_are_pooled_put_back_and_weighed_as_the_paper_writes_it():
    """One slab and the volume's own width: a plane is put back as it is, broadcast along the axis it collapsed."""
    torch.manual_seed(0)
    block = TriPlane(4, (4, 6, 2), AsItIs()).eval()
    volume = torch.randn(2, 4, 4, 6, 2)
    with torch.no_grad():
        refined, taps = block(volume)
        parts = [block.pools[plane](volume).unsqueeze(axis).expand_as(volume) for plane, axis in PLANES.items()]
    parts.append(volume)
    logits = torch.einsum("oc,bcxyz->boxyz", block.aggregate.weight, sum(parts))
    weights = logits.softmax(dim=1)
    expected = sum(part * weights[:, i : i + 1] for i, part in enumerate(parts))
    torch.testing.assert_close(refined, expected)
    torch.testing.assert_close(taps["aggregate.logits"], logits)
    assert torch.equal(taps["aggregate"], refined)
    assert {name: tuple(tap.shape) for name, tap in taps.items() if name.startswith("planes")} == {
        "planes.xy.stage1": (2, 4, 4, 6),
        "planes.yz.stage1": (2, 4, 6, 2),
        "planes.zx.stage1": (2, 4, 4, 2),
    }


class Halves(nn.Module):
    """An encoder that sees one pixel at a time, and whose level is every second one."""

    width = 3

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, plane):
        mixed = self.mix(plane)
        return mixed, {"stage1": mixed[..., ::2, ::2]}


def test_planes_side_by_side_come_apart_as_they_were_put_together():
    torch.manual_seed(0)
    encoder = Halves()
    alone = TriPlane(4, (6, 6, 4), encoder, (4, 1, 2))
    together = TriPlane(4, (6, 6, 4), encoder, (4, 1, 2), side_by_side=True)
    together.load_state_dict(alone.state_dict())
    volume = torch.randn(2, 4, 6, 6, 4)
    (expected, expected_taps), (found, taps) = alone(volume), together(volume)
    torch.testing.assert_close(found, expected)
    assert taps.keys() == expected_taps.keys()
    for name, tap in taps.items():
        torch.testing.assert_close(tap, expected_taps[name])
    with pytest.raises(ValueError, match="not equally high"):
        TriPlane(4, (6, 8, 4), encoder, side_by_side=True)


def normalized(volume, norm):
    """As a network of volumes normalises, by numbers that are not those of the start."""
    for statistic in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        nn.init.uniform_(statistic, 0.5, 2)
    return nn.functional.batch_norm(volume, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def test_what_is_measured_joins_as_a_projection_of_the_concatenation():
    torch.manual_seed(0)
    fusion = MeasuredFusion(5, 3, (4, 2, 6)).eval()
    for axis, place in enumerate(fusion.place):
        nn.init.normal_(place)
        assert place.shape[1 + axis] == (4, 2, 6)[axis]
    lifted, measured = torch.randn(2, 5, 4, 2, 6), torch.randint(2, (2, 8, 4, 2, 6), dtype=torch.uint8)
    weight = torch.cat([fusion.lifted.weight, fusion.measured.weight], dim=1)[:, :, None, None, None]
    projected = nn.functional.conv3d(torch.cat([lifted, measured.float()], dim=1), weight)
    expected = normalized(projected + fusion.place[0] + fusion.place[1] + fusion.place[2], fusion.norm).relu()
    torch.testing.assert_close(fusion(lifted, measured), expected)


def test_classes_join_as_an_embedding_of_every_voxel_that_has_one():
    torch.manual_seed(0)
    fusion = MeasuredFusion(5, 3, (4, 2, 6), parts=16, classes=7).eval()
    lifted, measured = torch.randn(2, 5, 4, 2, 6), torch.randint(2, (2, 16, 4, 2, 6), dtype=torch.uint8)
    classes = torch.randint(7, (2, 4, 2, 6), dtype=torch.uint8)
    weight = torch.cat([fusion.lifted.weight, fusion.measured.weight], dim=1)[:, :, None, None, None]
    projected = nn.functional.conv3d(torch.cat([lifted, measured.float()], dim=1), weight)
    embedded = fusion.classes(classes.long()) * (classes != 0)[..., None]
    expected = normalized(projected + embedded.movedim(-1, 1), fusion.norm).relu()
    torch.testing.assert_close(fusion(lifted, measured, classes), expected)
    assert (classes == 0).any()
    fusion(lifted, measured, classes).sum().backward()
    assert [bool(row.any()) for row in fusion.classes.weight.grad] == [False] + 6 * [True]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_axial_convolution_is_a_convolution(axis):
    torch.manual_seed(0)
    axial = AxialConv3d(3, 5, axis)
    volume = torch.randn(2, 3, 7, 6, 4)
    plain = torch.nn.functional.conv3d(volume, axial.weight, axial.bias, padding=axial.padding)
    assert axial.weight.shape[2 + axis] == axial.weight.numel() // 9
    torch.testing.assert_close(axial(volume), plain, atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("xy", [(3, 5, 4), (3, 5, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loops_aggregate_as_torch_does(xy, dtype):
    """Values and gradients, of the logits too, with the plane seen from above whole or broadcast."""
    random = torch.Generator().manual_seed(0)
    shapes = [xy, (1, 5, 4), (3, 1, 4), (3, 5, 4)]
    parts = [torch.randn(2, *shape, 6, generator=random).to(dtype).requires_grad_() for shape in shapes]
    weight = torch.randn(4, 6, generator=random).requires_grad_()
    exact = [part.detach().float().requires_grad_() for part in parts]
    ours, theirs = aggregate(weight, parts), weighed(weight, exact)
    pulls = [torch.randn(result.shape, generator=random).to(dtype) for result in theirs]
    near = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-3, "rtol": 1e-2}
    for result, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(result.float(), expected, **near)
    gradients, expected = (
        torch.autograd.grad(results, [weight, *of], [pull.to(results[0]) for pull in pulls])
        for results, of in ((ours, parts), (theirs, exact))
    )
    for gradient, other in zip(gradients, expected, strict=True):
        assert (gradient - other).norm() < (1e-5 if dtype == torch.float32 else 5e-3) * other.norm()
