"""Polar cells and what works on them: geometry in closed form, slow references, symmetries of the ring."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from ssc_ros.core import PolarGrid
from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.lidar.polar_cells import point_features, polar_cells
from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder
from ssc_ros.networks.lidar.ring_unet import DropBlock, RingConv, RingUNet
from ssc_ros.networks.reparameterize import fuse
from ssc_ros.networks.sparse.pool import height_max
from ssc_ros.networks.sparse.sites import Sites
from ssc_ros.networks.sparse.volume import SparseVolume

GRID = PolarGrid((8, 12, 4), (2.0, 10.0), (-2.0, 2.0))


def sweep(count: int = 400, seed: int = 0) -> torch.Tensor:
    """(N, 4), some of it outside of the grid."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.uniform((-14, -14, -3, 0), (14, 14, 3, 1), (count, 4)).astype(np.float32))


def cell_of(x: float, y: float, z: float) -> tuple[int, int, int]:
    """By the definition, one point at a time: metres and radians clipped to the box, counted in cells."""
    r = min(max(math.hypot(x, y), 2.0), 10.0)
    return (
        min(int((r - 2.0) / 1.0), 7),
        min(int((math.atan2(y, x) + math.pi) / (2 * math.pi / 12)), 11),
        min(int(min(max(z, -2.0), 2.0) + 2.0), 3),
    )


def randomized(network):
    """Norms that are far from the identity."""
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_()
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
    return network.eval()


@pytest.mark.parametrize("wrong", [{"ranges": (5.0, 5.0)}, {"heights": (1.0, 0.0)}, {"shape": (0, 4, 4)}])
def test_a_grid_without_extent_is_refused(wrong):
    with pytest.raises(ValueError, match="increasing bounds"):
        PolarGrid(**wrong)


def test_each_point_lies_in_the_cell_of_the_definition():
    clouds = torch.stack([sweep(seed=0), sweep(seed=1)])
    cells = polar_cells(clouds, GRID)
    coordinates = cells.cells.coordinates[cells.rows]
    for b in range(2):
        for point, (sample, *index) in zip(clouds[b].tolist(), coordinates[b].tolist(), strict=True):
            assert (sample, *index) == (b, *cell_of(*point[:3]))
    assert len(torch.unique(cells.cells.cells)) == len(cells.cells)
    columns = cells.cells.coordinates[:, :3]
    torch.testing.assert_close(cells.pillars.coordinates[cells.pillar][:, :3], columns)


def test_what_is_no_measurement_has_no_cell():
    cloud = sweep(6)[None].clone()
    cloud[0, 1, 0], cloud[0, 2, 2], cloud[0, 4, 1] = math.nan, math.inf, 1e30
    cells = polar_cells(cloud, GRID)
    assert (cells.rows[0] < 0).tolist() == [False, True, True, False, True, False]
    assert len(cells.points) == 3
    assert len(polar_cells(cloud[:, 1:3], GRID).cells) == 0


def test_features_say_where_a_point_is_and_where_in_its_cell():
    """A point at range 5.3, azimuth 0.1, height 0.4: its cell's centre is at 5.5, 15 degrees and 0.5."""
    point = torch.tensor([[5.3 * math.cos(0.1), 5.3 * math.sin(0.1), 0.4, 0.7]])
    expected = [-0.2, 0.1 - math.radians(15), -0.1, 5.3, 0.1, 0.4, 5.3 * math.cos(0.1), 5.3 * math.sin(0.1), 0.7]
    torch.testing.assert_close(point_features(point, GRID), torch.tensor([expected]), atol=1e-5, rtol=0)


def test_the_encoder_takes_the_maximum_over_all_points_of_a_group():
    """Also over more than 256, in evaluation by chunks and in training at once; the order of the points is nothing."""
    torch.manual_seed(0)
    encoder = randomized(PolarPointEncoder((6, 7), 5))
    cloud = sweep(40_000)[None]
    cells = polar_cells(cloud, GRID)
    group = cells.pillar[cells.cell]
    assert torch.bincount(group).max() > 256
    with torch.no_grad():
        found = encoder(cells, group, len(cells.pillars))
        encoded = encoder.layers(point_features(cells.points, GRID))
        expected = torch.stack([encoded[group == g].amax(dim=0) for g in range(len(cells.pillars))])
        torch.testing.assert_close(found, encoder.compress(expected), atol=1e-5, rtol=1e-5)
        order = torch.randperm(cloud.shape[1])
        shuffled = polar_cells(cloud[:, order], GRID)
        again = encoder(shuffled, shuffled.pillar[shuffled.cell], len(shuffled.pillars))
    torch.testing.assert_close(again, found, atol=1e-5, rtol=1e-5)


def test_the_ring_closes():
    """Turned by whole cells at the coarsest level, the map comes out turned by as many."""
    torch.manual_seed(0)
    unet = randomized(RingUNet(3, (4, 5, 6), (4, 5)))
    x = torch.randn(2, 3, 8, 12)
    with torch.no_grad():
        (downs, ups), (turned_downs, _) = unet(x), unet(x.roll(4, dims=3))
    for level, (one, other) in enumerate(zip(downs, turned_downs, strict=True), 1):
        torch.testing.assert_close(one.roll(4 >> level, dims=3), other, atol=1e-5, rtol=1e-5)
    assert [tuple(up.shape) for up in ups] == [(2, 4, 8, 12), (2, 5, 4, 6)]
    conv = randomized(RingConv(3, 4))
    with torch.no_grad():
        torch.testing.assert_close(conv(x).roll(5, dims=3), conv(x.roll(5, dims=3)), atol=1e-5, rtol=1e-5)


def test_azimuth_is_padded_by_its_other_end_and_range_by_zeros():
    conv = randomized(RingConv(1, 1))
    x = torch.randn(1, 1, 4, 6)
    around = functional.pad(functional.pad(x, (1, 1, 0, 0), mode="circular"), (0, 0, 1, 1))
    with torch.no_grad():
        expected = functional.leaky_relu(conv.norm(functional.conv2d(around, conv.conv.weight, conv.conv.bias)))
        torch.testing.assert_close(conv(x), expected)


def test_a_fused_network_computes_the_same():
    torch.manual_seed(0)
    unet = randomized(RingUNet(3, (4, 5, 6), (4, 5)))
    x = torch.randn(1, 3, 8, 12)
    with torch.no_grad():
        expected = unet(x)[1][0]
        found = fuse(unet)(x)[1][0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(module, RingConv) for module in unet.modules())


def test_dropped_blocks_keep_the_mean_and_are_squares():
    torch.manual_seed(0)
    drop = DropBlock(3, 0.3).train()
    dropped = drop(torch.ones(4, 2, 60, 60))
    assert (dropped[:, 0] == dropped[:, 1]).all()
    assert dropped.mean().item() == pytest.approx(1.0)
    assert 0.15 < (dropped == 0).float().mean() < 0.35
    hole = (dropped[:, :1] == 0).float()
    whole_blocks = -functional.max_pool2d(-hole, 3, 1)
    opened = functional.max_pool2d(functional.pad(whole_blocks, (2, 2, 2, 2)), 3, 1)
    assert (opened[..., 2:-2, 2:-2] == hole[..., 2:-2, 2:-2]).all()  # a block may be cut off by the edge
    assert torch.equal(drop.eval()(dropped), dropped)


def test_the_maximum_over_heights_is_the_dense_one():
    torch.manual_seed(0)
    mask = torch.rand(2, 5, 6, 4) < 0.2
    dense = torch.where(mask[:, None], torch.randn(2, 3, 5, 6, 4), -torch.inf)
    volume = SparseVolume.from_dense(dense, mask)
    expected = torch.where(mask.any(dim=-1)[:, None], dense.amax(dim=-1), 0.0)
    torch.testing.assert_close(height_max(volume), expected)


def logits() -> PointLogits:
    """Three cells; six points in two sweeps, one of them padding."""
    cells = torch.tensor([[9.0, 1.0, 2.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    rows = torch.tensor([[0, 0, 1], [2, 2, -1]])
    return PointLogits(cells, Sites(torch.tensor([3, 5, 20]), (2, 4, 2), 2), rows)


def test_points_have_the_logits_of_their_cells_and_never_the_class_unlabelled():
    points = logits()
    assert points.labels().tolist() == [[2, 2, 1], [2, 2, 0]]
    assert points.dense()[0, 1].tolist() == [9.0, 1.0, 2.0]
    assert points.dense()[1, 2].tolist() == [0.0, 0.0, 0.0]
    probability = math.exp(2) / (math.exp(9) + math.exp(1) + math.exp(2))
    assert points.confidence()[0, 0].item() == pytest.approx(probability)
    assert points.confidence()[1, 2] == 0
    sums = points.probability().sum(dim=2)
    torch.testing.assert_close(sums, torch.tensor([[1.0, 1, 1], [1, 1, 0]]))


def test_the_truth_of_a_cell_is_what_most_of_its_labelled_points_are():
    rows = torch.tensor([[0, 0, 0, 0, 1, 1, -1], [2, 2, 3, 3, 3, 3, 3]])
    labels = torch.tensor([[0, 0, 0, 2, 0, 0, 1], [2, 1, 1, 2, 2, 1, 2]], dtype=torch.uint8)
    points = PointLogits(torch.zeros(4, 3), Sites(torch.arange(4), (2, 2, 1), 1), rows)
    assert points.truth(labels).tolist() == [2, 0, 1, 2]
