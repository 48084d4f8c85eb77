"""benchmarks/trails.py: which voxels a moving thing has just left, and what of them counts, by closed forms."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ssc_ros.core import SEMANTIC_KITTI, Frame, SceneGrid, SscError, StereoRig, poses
from ssc_ros.simulation import road
from ssc_ros.simulation.primitives import Builder, Material
from ssc_ros.simulation.traffic import FRAME_PERIOD, Ego, Mover

LENGTH, WIDTH, HEIGHT, AHEAD = 4.0, 1.8, 1.5, 1.0
"""Of a box, whose middle lies ahead of its origin [m]."""
T = 3.0
CAR, BUILDING = SEMANTIC_KITTI.names.index("car"), SEMANTIC_KITTI.names.index("building")
GRID = SceneGrid((0.0, -6.4, -2.0), 0.4, (64, 32, 16))


@pytest.fixture(scope="module")
def trails() -> Iterator[ModuleType]:
    """The script, which is no module of the package."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "trails.py"
    spec = importlib.util.spec_from_file_location("trails", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["trails"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["trails"]


def street() -> road.Plan:
    """Straight along x, without hills, arc length = x; 20 m of road to both sides."""
    s = np.arange(-100, 200, road.SPACING)
    line, block = np.stack([s, 0 * s], axis=1), np.zeros(1, road.BLOCK)
    block["width"] = block["drive"] = 20.0
    no_crossings, flat = np.zeros(0, road.CROSSING), np.zeros(1, road.WAVE)
    return road.Plan(line, -100.0, np.zeros(len(s), np.int64), block, no_crossings, flat, 0)


PLAN = street()
EGO = Ego(5.0, (0.0, 10.0, 0.0), 0.0, np.zeros((3, 3)))


def box(start: float, speed: float, d: float, follows: bool = False) -> Mover:
    builder = Builder(np.random.default_rng(0))
    builder.box((AHEAD, 0.0, 0.0), (LENGTH, WIDTH, HEIGHT), Material.PAINT, (0.5, 0.5, 0.5))
    return Mover(builder.build(), start, speed, d, follows)


def floor(x: float, d: float) -> float:
    return road.height_at(PLAN, x, d, x, d)


def test_what_is_left_is_where_the_thing_just_was(trails: ModuleType) -> None:
    """Every point lay in the thing a moment ago, the farther behind the longer; none does now."""
    for mover in (box(20.0, 8.0, -2.0), box(60.0, -8.0, 3.0), box(20.0, EGO.speed, 0.0, follows=True)):
        speed = abs(mover.speed)
        points = trails.left_behind(mover, PLAN, EGO, T)
        assert len(points) > 5000
        assert points[:, 3].min() == pytest.approx(trails.CLEARANCE[0])
        assert points[:, 3].max() == pytest.approx(trails.REACH, abs=2 * trails.STEP)
        for seconds in (0.0, 0.5, 1.0):
            (low,), (high,) = mover.at(PLAN, EGO, T - seconds).bounds()
            inside = ((points[:, :2] > low[:2] - 1e-6) & (points[:, :2] < high[:2] + 1e-6)).all(axis=1)
            gone = speed * seconds  # the box has moved on by this
            assert (inside == ((points[:, 3] < gone + 1e-6) & (points[:, 3] > gone - LENGTH - 1e-6))).all()
        ground = np.array([floor(x, y) for x, y in points[::97, :2]])
        assert np.ptp(ground) < 1.0
        above = points[::97, 2] - ground
        assert above.min() == pytest.approx(trails.CLEARANCE[1], abs=0.1)
        assert above.max() == pytest.approx(HEIGHT, abs=0.2)


def test_a_thing_that_left_the_street_has_no_trail(trails: ModuleType) -> None:
    assert trails.left_behind(box(-200.0, 8.0, 0.0), PLAN, EGO, T).shape == (0, 4)


def world(*movers: Mover) -> SimpleNamespace:
    """Seen from the road at x = 0, whose height is that of the grid's frame less 1.5 m."""
    T_world_lidar = poses.from_quaternion(np.array([0, 0, 0, 1.0]), np.array([0, 0, floor(0, 0) + 1.5]))
    return SimpleNamespace(plan=PLAN, ego=EGO, movers=movers, grid_pose=lambda frame: T_world_lidar)


def metres(lane: Any) -> dict[tuple[int, ...], int]:
    return dict(zip(map(tuple, lane.voxels.tolist()), lane.behind.tolist(), strict=True))


def test_the_lane_is_the_voxels_behind_a_thing(trails: ModuleType) -> None:
    """Rear at x = 17.95 m, d = 0.15 m: what lies 0.4 to 10 m behind, and 0.5 to 1.5 m above the ground."""
    frame, rear = 10, 17.95
    start = rear + LENGTH / 2 - AHEAD - 8.0 * frame * FRAME_PERIOD
    found = metres(trails.lane_of(world(box(start, 8.0, 0.15)), frame, GRID))
    # x from 8.0 to 17.6 m, y from -0.8 to 1.2 m, z from -1.2 to 0 m
    assert found.keys() == {(x, y, z) for x in range(20, 44) for y in range(14, 19) for z in range(2, 5)}
    for (column, _, _), behind in found.items():
        nearest = rear - 0.4 * (column + 1)  # of the voxel's front
        assert behind in {int(nearest), int(nearest + trails.STEP)}


def test_where_two_things_were_the_nearer_one_counts(trails: ModuleType) -> None:
    first, second = box(20.0, 8.0, 0.0), box(14.0, 8.0, 0.3)
    alone = [metres(trails.lane_of(world(mover), 0, GRID)) for mover in (first, second)]
    both = metres(trails.lane_of(world(first, second), 0, GRID))
    shared = alone[0].keys() & alone[1].keys()
    assert shared
    assert both == {
        voxel: min(lane[voxel] for lane in alone if voxel in lane) for voxel in alone[0].keys() | alone[1].keys()
    }


def test_mistakes_are_movable_things_in_view_where_there_is_nothing(
    trails: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left half of the lane is no empty space, and the camera sees what is farther than 12 m."""
    movers = world(box(20.0, 8.0, 0.1))
    lane = set(metres(trails.lane_of(movers, 0, GRID)))
    # a camera at the grid's origin, 12 m ahead of it, looks along x
    optical = poses.from_rows(np.array([0, 0, 1, 12.0, -1, 0, 0, 0, 0, -1, 0, 0]))
    rig = StereoRig(np.array([[10.0, 0, 50], [0, 10, 50], [0, 0, 1]]), 0.5, (100, 100), optical)
    middle = 16  # y = 0
    truth = np.zeros(GRID.shape, np.uint8)
    truth[:, middle:] = BUILDING
    truth[36] = 255
    labels = np.full(GRID.shape, BUILDING, np.uint8)
    labels[32:34] = CAR
    labels[40:] = CAR
    image = np.zeros((100, 100, 3), np.uint8)
    completer = SimpleNamespace(complete=lambda frame: SimpleNamespace(labels=labels))
    sequence = SimpleNamespace(label_set=SEMANTIC_KITTI, voxel_ids=["000000"], grid=GRID, target=lambda name: truth)
    monkeypatch.setattr(trails, "world_of", lambda sequence: movers)
    monkeypatch.setattr(trails, "stream", lambda *_, **__: [("000000", Frame(0, image, image, rig))])
    (look,) = trails.looks(completer, sequence)
    centre = 0.4 * (np.arange(64) + 0.5)
    seen = {v for v in lane if centre[v[0]] > 12.0 and v[1] < middle and v[0] != 36}
    # at 10 pixels of focal length, 5 m beside the axis leave the image only nearer than 1 m
    near = {v for v in seen if centre[v[0]] < 13.0}
    counted = set(map(tuple, look.lane.voxels.tolist()))
    assert seen - near <= counted <= seen
    wrong = set(map(tuple, look.lane.voxels[look.wrong].tolist()))
    assert wrong == {v for v in counted if v[0] in (32, 33) or v[0] >= 40}
    assert 0 < len(wrong) < len(counted)


def test_the_length_is_the_sum_of_the_shares_of_each_metre(trails: ModuleType) -> None:
    def look(behind: Sequence[int], wrong: Sequence[int]) -> Any:
        lane = trails.Lane(np.zeros((len(behind), 3), np.int64), np.array(behind))
        return trails.Look(None, None, None, lane, np.array(wrong, bool))

    trail = trails.Trail.of([look([0, 0, 1, 9], [1, 0, 1, 0]), look([0, 0, 1], [0, 0, 1])])
    assert trail.counted.tolist() == [4, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert trail.wrong.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert trail.length == pytest.approx(1 / 4 + 2 / 2)


def test_only_streets_that_this_simulator_draws_are_known(trails: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "sequences" / "08"
    folder.mkdir(parents=True)
    sequence = SimpleNamespace(path=folder, name="08")
    with pytest.raises(SscError, match="not made by ssc-ros simulate"):
        trails.world_of(sequence)
    record = {"seed": 3, "frames": 2, "voxel_step": 1, "images": True, "scans": 1, "simulator": "world 1"}
    (folder / trails.RECORD).write_text(json.dumps(record))
    with pytest.raises(SscError, match="of 'world 1'"):
        trails.world_of(sequence)


def test_mistakes_are_red_in_the_picture_also_of_networks_with_one_name(trails: ModuleType, tmp_path: Path) -> None:
    """Runs of an ablation all end in model.safetensors."""
    voxels = np.stack(np.meshgrid(np.arange(20, 30), np.arange(10, 16), [3], indexing="ij"), axis=-1).reshape(-1, 3)
    empty = np.zeros(GRID.shape, np.uint8)
    labels = empty.copy()
    labels[tuple(voxels.T)] = CAR
    lane = trails.Lane(voxels, np.zeros(len(voxels), np.int64))
    looks = [
        trails.Look(None, predicted, empty, lane, np.full(len(voxels), wrong))
        for predicted, wrong in ((empty, False), (labels, True))
    ]
    palette = np.asarray(SEMANTIC_KITTI.palette, np.uint8)
    trails.draw(tmp_path / "trails.png", ["a/model", "a/model"], looks, palette)
    panels = np.split(np.asarray(Image.open(tmp_path / "trails.png"))[24:, :, :], 3, axis=1)
    red = [(panel[..., 0] > panel[..., 1:].max(axis=2)).sum() for panel in panels]
    assert red[:2] == [0, 0]
    assert red[2] == 4 * 10 * 6  # two pixels for an edge
