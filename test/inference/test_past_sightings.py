"""Points of past pairs keep the cells of their own images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ssc_ros.core import SceneGrid
from ssc_ros.inference.history import Past, join
from ssc_ros.systems.spec import History, InputSpec

GRID = SceneGrid((0.0, -6.4, -3.2), 0.2, (64, 64, 32))
SPEC = InputSpec(
    image_size=(16, 32),
    context_size=(4, 8),
    grid=GRID,
    pair=("stereo_depth", "stereo_points"),
    history=History(count=2, measured=True, sighted=True),
)
PROJECTION = torch.tensor([[16.0, -16, 0, 0], [8, 0, -16, 0], [1, 0, 0, 0]])
"""A camera that looks along x."""


def test_a_past_point_is_a_voxel_of_now_and_a_cell_of_then() -> None:
    point = torch.tensor([[8.1, 1.9, 0.5]])  # in the past frames
    now = {
        "image": torch.zeros(3, 16, 32, dtype=torch.uint8),
        "projection": PROJECTION,
        "stereo_depth": torch.zeros(4, 8),
        "stereo_points": torch.empty(0, 3),
    }
    past: list[Past | None] = []
    for driven in (1.0, 2.0):
        T_past_now = np.eye(4)
        T_past_now[0, 3] = driven
        past.append(Past({"image": now["image"], "projection": PROJECTION, "stereo_points": point}, T_past_now))
    # u = 16 - 16 y / x = 12.2, v = 8 - 16 z / x = 7.0: the cell of four pixels in row 1 and column 3
    assert join(now, [past[0], None], SPEC)["past_sightings"].tolist() == [[_voxel(7.1, 1.9, 0.5), 8 + 3]]
    # the second image's cells follow the 32 of the first
    both = [[_voxel(6.1, 1.9, 0.5), 32 + 8 + 3], [_voxel(7.1, 1.9, 0.5), 8 + 3]]
    assert join(now, past, SPEC)["past_sightings"].tolist() == both
    # what is seen through now is gone
    seen_through = now | {"stereo_depth": torch.full((4, 8), 11.0)}
    assert join(seen_through, past, SPEC)["past_sightings"].shape == (0, 2)
    assert "past_sightings" not in join(now, past, replace(SPEC, history=History(count=2, measured=True)))


def _voxel(x: float, y: float, z: float) -> int:
    half = GRID.coarsened(2)
    return int(half.flat(half.indices(np.array([[x, y, z]])))[0])
