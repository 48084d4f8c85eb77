"""The simulated world holds every class, about as often as the real one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID
from ssc_ros.simulation import lidar
from ssc_ros.simulation.beams import HDL64E
from ssc_ros.simulation.ground_truth import Scan, voxel_truth
from ssc_ros.simulation.world import World

PLACES, FRAMES = range(40, 56), range(0, 71, 14)


@pytest.fixture(scope="module")
def counts() -> NDArray[np.int64]:
    """Voxels per class over the places, from every fourteenth of the sweeps that make a ground truth."""
    total = np.zeros(len(SEMANTIC_KITTI), np.int64)
    for place in PLACES:
        world = World.drawn(0, place, 71)
        scans = []
        for frame in FRAMES:
            pose = world.grid_pose(frame)
            points, labels = lidar.sweep(*world.scene(frame), HDL64E, pose, np.random.default_rng(frame))
            scans.append(Scan(points, labels, pose))
        truth = voxel_truth(scans, SEMANTIC_KITTI_GRID)
        train = SEMANTIC_KITTI.train_from_raw_voxels(truth.labels[~truth.invalid])
        total += np.bincount(train[train < len(total)], minlength=len(total))
    return total


@pytest.mark.slow
def test_all_classes_appear(counts: NDArray[np.int64]) -> None:
    missing = [name for name, n in zip(SEMANTIC_KITTI.names, counts, strict=True) if n < 5]
    assert not missing


@pytest.mark.slow
def test_common_classes_have_the_published_order_of_magnitude(counts: NDArray[np.int64]) -> None:
    """Of the occupied voxels; rare classes vary more from place to place than sixteen places can tell."""
    published = np.asarray(SEMANTIC_KITTI.frequencies)
    ratio = (counts[1:] / counts[1:].sum()) / (published[1:] / published[1:].sum())
    common = published[1:] / published[1:].sum() > 2e-3
    far_off = {
        name: round(float(r), 2)
        for name, r, c in zip(SEMANTIC_KITTI.names[1:], ratio, common, strict=True)
        if c and not 0.1 < r < 10
    }
    assert common.sum() >= 12
    assert not far_off
    assert 2 < counts[0] / counts[1:].sum() < 60  # as many valid empty voxels
