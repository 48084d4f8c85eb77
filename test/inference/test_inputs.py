"""Preprocessing against slow, obvious rules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssc_ros.core import Frame, SceneGrid, SscError, StereoRig, poses
from ssc_ros.inference.inputs import (
    InputPreparer,
    inside,
    nearest_depth,
    occupancy_children,
    project_nearest,
    resized,
)
from ssc_ros.systems import InputSpec

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]), 0.5, (96, 320), OPTICAL)


def test_nearest_depth_takes_the_smallest_known_depth_of_a_cell() -> None:
    depth = np.zeros((4, 6), np.float32)
    depth[0, 0], depth[1, 1], depth[3, 5] = 9.0, 4.0, 2.0
    np.testing.assert_array_equal(nearest_depth(depth, (2, 3)), [[4, 0, 0], [0, 0, 2]])


def test_projected_points_keep_the_nearest_and_ignore_what_is_behind() -> None:
    ahead = RIG.unproject(np.array([[100.0, 50.0], [101.0, 51.0], [-5.0, 50.0]]), np.array([8.0, 5.0, 3.0]))
    points = np.concatenate([ahead, [[-10.0, 0, 0]]]).astype(np.float32)
    cells = project_nearest(points, RIG, (24, 80))
    assert cells[12, 25] == np.float32(cells.max())
    assert abs(cells.max() - 5.0) < 1e-4
    assert (cells > 0).sum() == 1


def test_occupancy_children_equal_a_loop() -> None:
    grid = SceneGrid((0.0, -1.6, -0.8), 0.2, (16, 16, 8))
    points = np.random.default_rng(0).uniform((-1, -2, -1), (4, 2, 1), (400, 3)).astype(np.float32)
    children = occupancy_children(points, grid)
    expected = np.zeros_like(children)
    for point in points:
        x, y, z = grid.indices(point[None])[0]
        if 0 <= x < 16 and 0 <= y < 16 and 0 <= z < 8:
            expected[4 * (x % 2) + 2 * (y % 2) + z % 2, x // 2, y // 2, z // 2] = 1
    np.testing.assert_array_equal(children, expected)
    assert 100 < children.sum() < 400


def test_points_inside_of_the_box_are_those_of_its_voxels() -> None:
    grid = SceneGrid((0.0, -1.6, -0.8), 0.2, (16, 16, 8))
    random = np.random.default_rng(0)
    points = random.uniform((-1, -2, -1, 0), (4, 2, 1, 1), (400, 4)).astype(np.float32)
    points[:200, :3] = np.round(points[:200, :3] / np.float32(0.2)) * np.float32(0.2)  # on faces
    points[::50] = np.nan
    expected = points[grid.contains(grid.indices(np.nan_to_num(points[:, :3], nan=99.0)))]
    kept = inside(points, grid)
    np.testing.assert_array_equal(kept, expected)
    assert 100 < len(kept) < 300


IMAGE = np.random.default_rng(0).integers(0, 256, (96, 320, 3), np.uint8)
CAMERA_KEYS = {"image", "projection", "stereo_depth", "stereo_voxels"}


@pytest.mark.parametrize(
    ("sensors", "keys"),
    [(("stereo",), CAMERA_KEYS), (("lidar",), {"points"}), (("stereo", "lidar"), CAMERA_KEYS | {"points"})],
)
def test_only_what_the_sensors_give_is_prepared(sensors: tuple[str, ...], keys: set[str]) -> None:
    points = np.array([[1, 2, -1, 0.5], [1, 2, 90, 0.5], [60, 0, 0, 0.1], [0, -25.6, -2, 1]], np.float32)
    inputs = InputPreparer(InputSpec(sensors=sensors))(Frame(0, IMAGE, IMAGE, RIG, points))
    assert inputs.keys() == keys
    if "points" in keys:  # those in the box, as they are
        np.testing.assert_array_equal(inputs["points"], points[[0, 3]])


@pytest.mark.parametrize("size", [(40, 100), (20, 100), (64, 200), (128, 400)])
def test_every_pixel_of_an_image_is_seen_in_another_size(size: tuple[int, int]) -> None:
    """A white pixel leaves light behind wherever it is, and about as much."""
    light = []
    for row, column in np.ndindex(8, 8):
        image = np.zeros((64, 200, 3), np.uint8)
        image[20 + row, 90 + column] = 255
        light.append(resized(image, size)[..., 1].sum(dtype=np.int64))
    assert min(light) > 0
    assert np.mean(light) == pytest.approx(255 * size[0] * size[1] / (64 * 200), rel=0.1)


def test_an_image_of_the_networks_size_stays_as_it_is() -> None:
    seen = InputPreparer(InputSpec(image_size=IMAGE.shape[:2]))(Frame(0, IMAGE, IMAGE, RIG))["image"]
    np.testing.assert_array_equal(seen, IMAGE.transpose(2, 0, 1))


@pytest.mark.parametrize("reads", [True, False])
def test_a_class_map_is_read_at_the_middle_of_each_cell(reads: bool) -> None:
    """By networks that can use it; others are not bothered with it."""
    labels = np.random.default_rng(0).integers(0, 20, IMAGE.shape[:2]).astype(np.uint8)
    spec = InputSpec(pair=("stereo_sightings",) if reads else (), context_size=(24, 80))
    inputs = InputPreparer(spec)(Frame(0, IMAGE, IMAGE, RIG, image_labels=labels))
    assert ("image_classes" in inputs) == reads
    if reads:  # cells of four by four pixels
        np.testing.assert_array_equal(inputs["image_classes"], labels[2::4, 2::4])
        assert "image_classes" not in InputPreparer(spec)(Frame(0, IMAGE, IMAGE, RIG))


def test_a_class_map_has_a_label_for_each_pixel() -> None:
    for labels in (np.zeros((48, 160), np.uint8), np.zeros(IMAGE.shape[:2], np.uint16)):
        with pytest.raises(SscError, match="one for each pixel"):
            Frame(0, IMAGE, IMAGE, RIG, image_labels=labels)


FUSED = InputSpec(sensors=("stereo", "lidar"), pair=(), sweep=("lidar_voxels", "lidar_classes"))


def test_voxels_of_a_sweep_have_the_class_of_most_of_their_points() -> None:
    random = np.random.default_rng(0)
    points = random.uniform((0, -3, -2, 0), (4, 3, 1, 1), (900, 4)).astype(np.float32)
    labels = random.integers(0, 4, 900).astype(np.uint8)
    inputs = InputPreparer(FUSED)(Frame(0, IMAGE, IMAGE, RIG, points, point_labels=labels))
    votes = {}
    for point, label in zip(points, labels, strict=True):
        votes.setdefault(tuple(np.floor((point[:3] - (0, -25.6, -2)) / 0.4).astype(int)), []).append(int(label))
    expected = np.zeros((128, 128, 16), np.uint8)
    for voxel, its in votes.items():
        expected[voxel] = max(sorted(set(its)), key=its.count)
    np.testing.assert_array_equal(inputs["lidar_classes"], expected)
    np.testing.assert_array_equal(inputs["lidar_voxels"].any(dim=0).nonzero(), sorted(votes))
    assert len(np.unique(expected)) == 4


def test_beside_stereo_a_missing_sweep_is_an_empty_one() -> None:
    inputs = InputPreparer(FUSED)(Frame(0, IMAGE, IMAGE, RIG))
    assert inputs["lidar_voxels"].shape == (8, 128, 128, 16)
    assert inputs["lidar_classes"].shape == (128, 128, 16)
    assert not inputs["lidar_voxels"].any()
    assert not inputs["lidar_classes"].any()


def test_classes_that_nobody_has_given_are_asked_for() -> None:
    with pytest.raises(SscError, match="segmentation"):
        InputPreparer(FUSED)(Frame(0, IMAGE, IMAGE, RIG, np.zeros((3, 4), np.float32)))
    with pytest.raises(SscError, match="labels of shape"):
        Frame(0, IMAGE, IMAGE, RIG, np.zeros((3, 4), np.float32), point_labels=np.zeros(2, np.uint8))


def test_a_sweep_that_is_needed_is_asked_for() -> None:
    with pytest.raises(SscError, match="no points"):
        InputPreparer(InputSpec(sensors=("lidar",)))(Frame(0, IMAGE, IMAGE, RIG))


def test_the_projection_is_the_cameras() -> None:
    inputs = InputPreparer(InputSpec())(Frame(0, IMAGE, IMAGE, RIG))
    point = np.array([20.0, 2.0, -1.0])
    u, v, d = (inputs["projection"].double() @ torch.from_numpy(np.append(point, 1.0))).tolist()
    pixel, depth = RIG.resized(192, 640).project(point)
    np.testing.assert_allclose([u / d, v / d, d], [*pixel, depth], rtol=1e-5)
