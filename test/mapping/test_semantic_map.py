"""What the map knows of a made world: it remembers, forgets what moves, and follows the robot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid
from ssc_ros.mapping.evidence import Evidence
from ssc_ros.mapping.guarded_map import GuardedMap
from ssc_ros.mapping.semantic_map import SemanticMap

GRID = SceneGrid((0.0, -6.4, -2.0), 0.4, (32, 32, 8), "base")
CAR, BUILDING, ROAD = (SEMANTIC_KITTI.names.index(name) for name in ("car", "building", "road"))
SECOND = 1_000_000_000
HERE, THERE = (20, 16, 2), (20, 16, 4)
"""Two voxels straight ahead."""


def _pose(x: float = 0.0, z: float = 0.0) -> NDArray[np.float64]:
    pose = np.eye(4)
    pose[0, 3], pose[2, 3] = x, z
    return pose


def _grid(stamp: float, **voxels: tuple[int, int, int]) -> SemanticGrid:
    """A street that the camera sees entirely, with single voxels by class."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[:, :, 0] = ROAD
    for name, voxel in voxels.items():
        labels[voxel] = SEMANTIC_KITTI.names.index(name)
    sure = np.full(GRID.shape, 230, np.uint8)
    return SemanticGrid(
        labels, GRID, SEMANTIC_KITTI, round(stamp * SECOND), sure, observed=np.ones(GRID.shape, np.bool_)
    )


def _map(**options: float) -> SemanticMap:
    return SemanticMap(GRID, SEMANTIC_KITTI, radius=25.6, height=9.6, threads=1, **options)


def test_a_single_grid_comes_back_as_it_went_in() -> None:
    world, grid = _map(), _grid(0, building=HERE)
    world.fuse(grid, _pose())
    np.testing.assert_array_equal(world.cut(_pose(), 0).labels, grid.labels)


def test_what_has_left_the_view_is_remembered() -> None:
    world = _map()
    world.fuse(_grid(0, building=HERE), _pose())
    for step in range(5):  # 10 m on, the building is behind the grid
        world.fuse(_grid(1 + 0.2 * step), _pose(10.0 + 2.0 * step))
    whole = world.whole("odom", SECOND)
    assert whole.grid.frame_id == "odom"
    (found,) = np.argwhere(whole.labels == BUILDING)
    np.testing.assert_allclose(whole.grid.centers(found[None])[0], GRID.centers(np.array([HERE]))[0], atol=0.01)
    # and it is where it was, seen from a robot that comes back
    assert world.cut(_pose(), SECOND).labels[HERE] == BUILDING


def test_what_the_robot_has_left_far_behind_is_forgotten() -> None:
    world = _map()
    world.fuse(_grid(0, building=HERE), _pose())
    for step in range(20):
        world.fuse(_grid(1 + 0.2 * step), _pose(10.0 + 2.0 * step))
    assert not (world.whole("odom", SECOND).labels == BUILDING).any()


@pytest.mark.parametrize(("name", "remembered"), [("car", False), ("building", True)])
def test_what_moves_is_gone_within_a_second(name: str, remembered: bool) -> None:
    world, behind = _map(), (2, 16, 2)
    for step in range(4):
        world.fuse(_grid(0.1 * step, **{name: behind}), _pose())
    assert world.cut(_pose(), 0).labels[behind] == SEMANTIC_KITTI.names.index(name)
    world.fuse(_grid(1.5), _pose(2.0))  # it is behind the grid now
    assert (world.cut(_pose(), 0).labels[behind] != 0) == remembered


def test_a_thing_that_was_seen_to_be_gone_is_gone() -> None:
    world = _map()
    for step in range(3):
        world.fuse(_grid(0.1 * step, building=HERE), _pose())
    for step in range(3, 13):
        world.fuse(_grid(0.1 * step), _pose())
    assert world.cut(_pose(), 0).labels[HERE] == 0


def test_what_is_out_of_view_does_not_overrule_what_was_seen() -> None:
    world = _map()
    world.fuse(_grid(0, building=HERE), _pose())
    for _ in range(50):
        world.fuse(replace(_grid(0.1), observed=np.zeros(GRID.shape, np.bool_)), _pose())
    assert world.cut(_pose(), 0).labels[HERE] == BUILDING


def test_the_map_climbs_with_the_robot() -> None:
    world = _map()
    for step in range(10):
        world.fuse(_grid(0.1 * step, building=THERE), _pose(0.1 * step, 0.8 * step))
    labels = world.cut(_pose(0.9, 7.2), 0).labels
    assert labels[THERE] == BUILDING
    assert (labels[:20, 12:20, 0] == ROAD).all()  # nearby, where one look overrules the farther ones


def test_a_class_is_what_most_grids_say() -> None:
    world = _map()
    for step, name in enumerate(("fence", "building", "building", "fence", "building")):
        world.fuse(_grid(0.1 * step, **{name: HERE}), _pose())
    assert world.cut(_pose(), 0).labels[HERE] == BUILDING


def test_a_pause_of_a_minute_forgets_what_moves_whatever_the_clock_says() -> None:
    world, behind = _map(), (2, 16, 2)
    world.fuse(_grid(0, car=behind), _pose())
    world.fuse(_grid(16.0), _pose(2.0))  # as many ticks as the clock has
    assert not (world.whole("odom", 0).labels == CAR).any()


def test_a_jump_clears_the_map_and_says_so() -> None:
    world = GuardedMap(GRID, SEMANTIC_KITTI, radius=25.6, height=9.6, threads=1)
    for step in range(5):
        assert not world.fuse(_grid(0.1 * step, building=HERE), _pose(0.5 * step))
    assert "jumped by 5.0" in world.fuse(_grid(0.5), _pose(7.5))
    assert world.map.grids == 1
    assert not world.fuse(_grid(0.6), _pose(8.0))
    assert "time went back" in world.fuse(_grid(0.1), _pose(8.5))


def test_a_robot_that_brakes_and_turns_does_not_jump() -> None:
    world, pose, place, heading = (
        GuardedMap(GRID, SEMANTIC_KITTI, radius=6.4, height=6.4, threads=1),
        np.eye(4),
        0.0,
        0.0,
    )
    speed = 20.0
    for step in range(30):
        assert not world.fuse(_grid(0.1 * step), pose)
        speed, heading = max(0.0, speed - 0.8), heading + 0.1
        place += 0.1 * speed
        pose = _pose(place)
        pose[:2, :2] = [[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]]


def test_memory_of_the_default_map_is_below_100_megabytes() -> None:
    kitti = SceneGrid((0.0, -25.6, -2.0), 0.2, (256, 256, 32))
    assert SemanticMap(kitti, SEMANTIC_KITTI).memory < 100e6


def test_confidence_grows_with_evidence() -> None:
    world, sure = _map(), []
    for step in range(4):
        world.fuse(_grid(0.1 * step, building=HERE), _pose())
        confidence = world.cut(_pose(), 0).confidence
        assert confidence is not None
        sure.append(int(confidence[HERE]))
    assert sure == sorted(sure)
    assert sure[0] > 127


def test_near_and_measured_grids_count_more() -> None:
    steps, votes = (table.reshape(3, -1, 2, 256) for table in Evidence().tables())
    assert (np.diff(steps[1, :4, 1], axis=0) <= 0).all()  # something speaks less the farther it is
    assert (np.diff(steps[1, :4, 0, 200], axis=0) >= 0).all()  # and so does nothing
    assert (steps[2, 0, 1] > steps[1, 0, 1]).all()  # measured counts more than completed
    assert (votes >= 1).all()
