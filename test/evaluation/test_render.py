"""The ray caster against geometry that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ssc_ros.core import SceneGrid
from ssc_ros.evaluation.render import BACKGROUND, View, from_above, perspective

GRID = SceneGrid((0.0, -2.0, 0.0), 0.5, (8, 8, 8))
RED, BLUE = (200, 0, 0), (0, 0, 200)


def scene(*voxels: tuple[tuple[int, int, int], tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    colors = np.zeros((*GRID.shape, 3), np.uint8)
    for index, color in voxels:
        colors[index] = color
    return colors, colors.any(axis=-1)


def hue(pixel: np.ndarray) -> str:
    if np.allclose(pixel, BACKGROUND, atol=1):
        return "background"
    return "red" if int(pixel[0]) > int(pixel[2]) else "blue"


@pytest.mark.parametrize("eye", [(-5.0, 0.25, 2.25), (-50.0, 0.25, 2.25), (9.0, 0.25, 2.25)])
def test_the_nearer_voxel_hides_the_farther(eye: tuple[float, float, float]) -> None:
    colors, solid = scene(((1, 4, 4), RED), ((6, 4, 4), BLUE))
    view = View(eye, (2.0, 0.25, 2.25), (41, 41), 40.0)
    image = perspective(colors, solid, GRID, view)
    assert hue(image[20, 20]) == ("red" if eye[0] < 0 else "blue")
    assert hue(image[0, 0]) == "background"


def test_pixels_show_the_voxels_that_project_there() -> None:
    """Every voxel of a sparse cloud is seen where the pinhole model puts its centre."""
    rng = np.random.default_rng(1)
    view = View((-6.0, 0.5, 4.0), (2.0, 0.0, 2.0), (200, 200), 50.0)
    forward = np.subtract(view.target, view.eye)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    for index in rng.integers(0, 8, (20, 3)):
        colors, solid = scene((tuple(index.tolist()), RED))
        image = perspective(colors, solid, GRID, view)
        ray = GRID.centers(index[None])[0] - view.eye
        focal = 100 / np.tan(np.radians(25))
        depth = ray @ forward
        u, v = 100 + focal * (ray @ right) / depth, 100 + focal * (ray @ np.cross(forward, right)) / depth
        assert hue(image[int(v), int(u)]) == "red"
        ys, xs = np.nonzero((image != np.asarray(BACKGROUND)).any(axis=-1))
        assert abs(ys.mean() - v) < 3
        assert abs(xs.mean() - u) < 3


def test_from_above_forward_is_up_and_left_is_left() -> None:
    colors, solid = scene(((7, 7, 0), RED), ((0, 0, 3), BLUE), ((0, 0, 1), RED))
    image = from_above(colors, solid)
    assert hue(image[0, 0]) == "red"  # farthest ahead, farthest left
    assert hue(image[7, 7]) == "blue"  # nearest, right; the higher voxel covers the lower
    assert hue(image[3, 3]) == "background"


def test_an_empty_scene_is_background() -> None:
    colors, solid = scene()
    view = View((-6.0, 0.0, 4.0), (2.0, 0.0, 0.0), (20, 30))
    assert (perspective(colors, solid, GRID, view) == np.asarray(BACKGROUND)).all()
