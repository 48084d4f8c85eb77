"""A tiny data set in the SemanticKITTI layout, made of noise and known numbers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ssc_ros.core import SEMANTIC_KITTI_GRID
from ssc_ros.data import voxel_files
from ssc_ros.data.voxelize import keep_points, voxelize

IMAGE_SIZE = (37, 122)
CALIBRATION = """P0: 70 0 60 0 0 70 18 0 0 0 1 0
P2: 70 0 60 4.5 0 70 18 0.2 0 0 1 0.003
P3: 70 0 60 -33.2 0 70 18 0.2 0 0 1 0.003
Tr: 0 -1 0 0.1 0 0 -1 -0.2 1 0 0 -0.3
"""


def write_sequence(path: Path, frames: int = 6, seed: int = 0) -> None:
    """Write a sequence of `frames` frames that drives 1 m a frame along the LiDAR's x; every fifth has voxels."""
    rng = np.random.default_rng(seed)
    for folder in ("image_2", "image_3", "velodyne", "labels", "voxels"):
        (path / folder).mkdir(parents=True)
    (path / "calib.txt").write_text(CALIBRATION)
    (path / "times.txt").write_text("".join(f"{0.1 * i:e}\n" for i in range(frames)))
    # the camera's z is the LiDAR's x
    (path / "poses.txt").write_text("".join(f"1 0 0 0 0 1 0 0 0 0 1 {i}\n" for i in range(frames)))
    for i in range(frames):
        for folder in ("image_2", "image_3"):
            cv2.imwrite(str(path / folder / f"{i:06d}.png"), rng.integers(0, 256, (*IMAGE_SIZE, 3), np.uint8))
        points = rng.uniform((0, -20, -1.8, 0), (50, 20, 2, 1), (4000, 4)).astype(np.float32)
        labels = rng.choice(np.array([10, 40, 70, 252 | 3 << 16], np.uint32), 4000)
        points.tofile(path / "velodyne" / f"{i:06d}.bin")
        labels.tofile(path / "labels" / f"{i:06d}.label")
        if i % 5 == 0:
            keep = keep_points(points)
            volume = voxelize(points[keep], labels[keep], SEMANTIC_KITTI_GRID)
            voxel_files.write_labels(path / "voxels" / f"{i:06d}.label", volume)
            voxel_files.write_bits(path / "voxels" / f"{i:06d}.bin", volume != 0)
            invalid = np.zeros(volume.shape, bool)
            invalid[:, :64] = True
            voxel_files.write_bits(path / "voxels" / f"{i:06d}.invalid", invalid)
