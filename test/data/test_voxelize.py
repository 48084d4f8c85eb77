"""The voxeliser against the published files and against a slow, obvious reference."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.core import SEMANTIC_KITTI_GRID, SceneGrid
from ssc_ros.data.voxelize import keep_points, voxelize

SMALL = SceneGrid((0.0, -1.0, -1.0), 0.5, (4, 4, 4))


@pytest.mark.parametrize("sequence", ["00", "08"])
@pytest.mark.parametrize("frame", ["000000", "000005"])
def test_reproduces_the_official_bin_files_bit_for_bit(kitti_root: Path, sequence: str, frame: str) -> None:
    folder = kitti_root / "sequences" / sequence
    points = np.fromfile(folder / "velodyne" / f"{frame}.bin", np.float32).reshape(-1, 4)
    labels = np.fromfile(folder / "labels" / f"{frame}.label", np.uint32)
    keep = keep_points(points)
    volume = voxelize(points[keep], labels[keep], SEMANTIC_KITTI_GRID)
    official = (folder / "voxels" / f"{frame}.bin").read_bytes()
    assert len(official) == 256 * 256 * 32 // 8
    assert np.packbits(volume != 0).tobytes() == official


@given(
    st.lists(
        st.tuples(st.floats(-0.5, 2.5), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.sampled_from([0, 10, 40, 70])),
        max_size=60,
    )
)
def test_equals_counting_the_votes_of_every_voxel(rows: list[tuple[float, float, float, int]]) -> None:
    points = np.array([row[:3] for row in rows], np.float32).reshape(-1, 3)
    labels = np.array([row[3] for row in rows], np.uint32)
    votes: dict[tuple[int, ...], Counter[int]] = {}
    for index, label in zip(SMALL.indices(points).tolist(), labels.tolist(), strict=True):
        if all(0 <= i < n for i, n in zip(index, SMALL.shape, strict=True)):
            votes.setdefault(tuple(index), Counter())[label] += 1
    expected = np.zeros(SMALL.shape, np.uint16)
    for index, count in votes.items():
        expected[index] = min(count, key=lambda label: (-count[label], label))
    np.testing.assert_array_equal(voxelize(points, labels, SMALL), expected)


def test_unlabelled_points_vote_and_ties_go_to_the_smaller_id() -> None:
    corner = np.array([0.1, -0.9, -0.9], np.float32)
    step = np.array([0.5, 0, 0], np.float32)
    points = np.stack([corner, corner, corner, corner + step, corner + step, corner + 2 * step])
    instance = 7 << 16
    labels = np.array([0, 0, 40, 70, 40, 10 | instance], np.uint32)
    assert voxelize(points, labels, SMALL)[:3, 0, 0].tolist() == [0, 40, 10]


def test_keeps_points_between_the_ranges_and_off_the_car() -> None:
    points = np.array(
        [[2.4, 0, 0], [0, 0, 2.5], [70, 0, 0], [70.01, 0, 0], [2.9, 1.9, 0], [3.0, 1.9, 0], [-2.6, 0, 0], [0, -2.6, 0]],
        np.float32,
    )
    assert keep_points(points).tolist() == [False, False, True, False, False, True, True, True]
