"""Planes of a volume against their plain counterparts."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssc_ros.networks.volume.tri_plane import PLANES, PlaneEncoder, PlanePool, PlaneUnpool, TriPlane


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("slabs", [1, 2, 8])
def test_pooling_averages_with_weights_that_sum_to_one(plane: str, slabs: int) -> None:
    pool = PlanePool(3, PLANES[plane], 8, slabs, 6)
    pool.project = nn.Identity()
    constant = torch.randn(2, 3, 1, 1, 1).expand(2, 3, 8, 8, 8)
    pooled = pool(constant)
    torch.testing.assert_close(pooled, constant[:, :, 0, 0, :1, None].repeat(1, slabs, 1, 1).expand_as(pooled))


@pytest.mark.parametrize("plane", PLANES)
def test_all_slabs_lay_the_volume_out_as_channels_and_back(plane: str) -> None:
    axis = PLANES[plane]
    pool, unpool = PlanePool(3, axis, 8, 8, 1), PlaneUnpool(24, axis, 8, 8, 3)
    pool.project, unpool.project = nn.Identity(), nn.Identity()
    volume = torch.randn(2, 3, 8, 8, 8)
    torch.testing.assert_close(unpool(pool(volume)), volume)


def test_a_plane_seen_from_above_has_each_layer_with_all_of_its_channels() -> None:
    pool = PlanePool(3, PLANES["xy"], 5, 5, 1)
    pool.project = nn.Identity()
    volume = torch.randn(2, 3, 4, 6, 5)
    torch.testing.assert_close(pool(volume), torch.cat([volume[..., z] for z in range(5)], dim=1))


def test_one_slab_broadcasts_along_the_collapsed_axis() -> None:
    unpool = PlaneUnpool(4, PLANES["xy"], 8, 1, 3)
    assert unpool(torch.randn(1, 4, 5, 6)).shape == (1, 3, 5, 6, 1)


def test_aggregation_is_a_convex_combination() -> None:
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

    def forward(self, plane: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return plane, {"stage1": plane}


def test_planes_are_pooled_put_back_and_weighed_as_the_paper_writes_it() -> None:
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

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 3, 1)

    def forward(self, plane: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        mixed = self.mix(plane)
        return mixed, {"stage1": mixed[..., ::2, ::2]}


def test_planes_side_by_side_come_apart_as_they_were_put_together() -> None:
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
