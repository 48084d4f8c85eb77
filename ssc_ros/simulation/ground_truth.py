"""Completion ground truth by the official recipe: scans accumulated, voxelised, and what no ray has seen marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SceneGrid, poses
from ssc_ros.data.voxelize import keep_points, voxelize
from ssc_ros.simulation.compiled import kernel

SCANS = 71
"""The current scan and the 70 next ones (Behley et al. 2019)."""
RAY_STRIDE = 3
"""Of the later scans, every so-manyth ray clears the voxels that it crosses."""


@dataclass(frozen=True)
class Scan:
    """A labelled sweep: points (N, 4) in its LiDAR frame [m], raw labels (N,), and T_world_lidar (4, 4)."""

    points: NDArray[np.float32]
    labels: NDArray[np.uint32]
    pose: NDArray[np.float64]


@dataclass(frozen=True)
class VoxelTruth:
    """The four voxel volumes of a frame, (X, Y, Z) each.

    Attributes:
        measured: voxels of the current scan (.bin).
        labels: raw ids of all scans, 0 where empty (.label).
        invalid: voxels that no ray of any scan crossed or hit (.invalid).
        occluded: the labelled voxels and those that they hide from the current scan's origin (.occluded).
    """

    measured: NDArray[np.bool_]
    labels: NDArray[np.uint16]
    invalid: NDArray[np.bool_]
    occluded: NDArray[np.bool_]


def voxel_truth(scans: Sequence[Scan], grid: SceneGrid) -> VoxelTruth:
    """Ground truth of the first of some consecutive scans, in its LiDAR frame."""
    corner = np.asarray(grid.min_corner)
    seen = np.zeros(grid.shape, np.bool_)
    kept_points, kept_labels = [], []
    for i, scan in enumerate(scans):
        T_current = poses.inverse(scans[0].pose) @ scan.pose
        points = poses.apply(T_current, scan.points[:, :3]).astype(np.float32) if i else scan.points[:, :3]
        origin = (T_current[:3, 3] - corner) / grid.voxel_size
        _clear_rays(seen, origin, points, corner, grid.voxel_size, 1 if i == 0 else RAY_STRIDE)
        near = keep_points(scan.points) & grid.contains(grid.indices(points))
        kept_points.append(points[near])
        kept_labels.append(scan.labels[near])
    labels = voxelize(np.concatenate(kept_points), np.concatenate(kept_labels), grid)
    measured = voxelize(kept_points[0], kept_labels[0], grid) != 0
    occluded = np.zeros(grid.shape, np.bool_)
    _mark_hidden(labels != 0, -corner / grid.voxel_size, occluded)
    return VoxelTruth(measured, labels, ~(seen | (labels != 0)), occluded)


@kernel
def _enter(origin, end, shape):  # noqa: ANN001, ANN202
    """Part of the segment origin -> end inside a box from zero to `shape`: parameters (first, last), empty if first > last."""
    first, last = 0.0, 1.0
    for k in range(3):
        d = end[k] - origin[k]
        if abs(d) < 1e-9:
            if origin[k] < 0 or origin[k] >= shape[k]:
                return 1.0, 0.0
            continue
        a, b = -origin[k] / d, (shape[k] - origin[k]) / d
        first, last = max(first, min(a, b)), min(last, max(a, b))
    return first, last


@kernel
def _clear_rays(seen, origin, points, corner, voxel, stride):  # noqa: ANN001, ANN202
    """Mark the voxels that the segments from `origin` [voxels] to the points [m] cross, ends included."""
    shape = seen.shape
    end, at, step = np.zeros(3), np.zeros(3, np.int64), np.zeros(3, np.int64)
    reach, delta = np.zeros(3), np.zeros(3)
    for n in range(0, len(points), stride):
        for k in range(3):
            end[k] = (points[n, k] - corner[k]) / voxel
        first, last = _enter(origin, end, shape)
        if first >= last:
            continue
        first += 1e-6
        for k in range(3):
            d = end[k] - origin[k]
            start = origin[k] + first * d
            at[k] = min(max(int(np.floor(start)), 0), shape[k] - 1)
            step[k] = 1 if d > 0 else -1
            delta[k] = 1 / abs(d) if abs(d) > 1e-9 else 1e9
            gap = (at[k] + 1 - start) if d > 0 else (start - at[k])
            reach[k] = first + gap * delta[k]
        while True:
            seen[at[0], at[1], at[2]] = True
            k = 0 if reach[0] < reach[1] else 1
            if reach[2] < reach[k]:
                k = 2
            if reach[k] > last:
                break
            reach[k] += delta[k]
            at[k] += step[k]
            if at[k] < 0 or at[k] >= shape[k]:
                break


@kernel
def _mark_hidden(solid, origin, hidden):  # noqa: ANN001, ANN202
    """Mark the solid voxels and those with a solid one on the way from `origin` [voxels] to their centre."""
    nx, ny, nz = solid.shape
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                hidden[x, y, z] = solid[x, y, z]
                dx, dy, dz = x + 0.5 - origin[0], y + 0.5 - origin[1], z + 0.5 - origin[2]
                steps = int(max(abs(dx), max(abs(dy), abs(dz))))
                dx, dy, dz = dx / steps, dy / steps, dz / steps
                px, py, pz = origin[0] + 0.5 * dx, origin[1] + 0.5 * dy, origin[2] + 0.5 * dz
                for _ in range(steps):
                    i, j, k = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
                    if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and solid[i, j, k]:
                        hidden[x, y, z] = True
                        break
                    px, py, pz = px + dx, py + dy, pz + dz
