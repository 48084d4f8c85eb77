"""Which points a camera sees, against a comparison of every point with every other one."""

from __future__ import annotations

import numpy as np
import pytest

from ssc_ros.evaluation.camera_points import seen_points

SIZE = (40, 60)


def by_comparison(pixels: np.ndarray, depth: np.ndarray) -> list[bool]:
    """A point is hidden by another one that is at most two columns and three rows away and clearly nearer."""
    places = [None if np.isnan(p).any() else (round(p[0]), round(p[1])) for p in pixels]
    places = [p if p and 0 <= p[0] < SIZE[1] and 0 <= p[1] < SIZE[0] else None for p in places]
    seen = []
    for place, z in zip(places, depth, strict=True):
        hidden = place is None or any(
            other is not None
            and abs(other[0] - place[0]) <= 2
            and abs(other[1] - place[1]) <= 3
            and z - near > 0.1 * z
            and z - near > 0.5
            for other, near in zip(places, depth, strict=True)
        )
        seen.append(not hidden)
    return seen


@pytest.mark.parametrize("seed", range(3))
def test_equals_a_comparison_of_all_pairs(seed: int) -> None:
    random = np.random.default_rng(seed)
    pixels = random.uniform((-5, -5), (65, 45), (300, 2))
    pixels[::17] = np.nan
    depth = random.uniform(1, 40, 300).astype(np.float32)
    seen = seen_points(pixels, depth, SIZE)
    assert 10 < seen.sum() < 250
    assert seen.tolist() == by_comparison(pixels, depth)


def test_a_road_does_not_hide_itself() -> None:
    """The ground at 1.65 m below a camera of KITTI, scanned each 0.4 degrees."""
    focal, height = 718.0, 1.65
    depth = np.array([height / np.tan(np.radians(a)) for a in np.arange(2.0, 20, 0.4)])
    rows = focal * height / depth
    pixels = np.column_stack([np.full_like(rows, 30), rows])
    assert seen_points(pixels, depth, (370, 60)).all()
