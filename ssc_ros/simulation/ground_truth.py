"""Completion ground truth by the official recipe: accumulate scans, voxelise, and mark the voxels that no ray saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SceneGrid, poses
from ssc_ros.data.voxelize import keep_points, voxelize
from ssc_ros.kernels.compiled import kernel

SCANS = 71
"""The current scan and the 70 next ones (Behley et al. 2019)."""
RAY_STRIDE = 3
"""Every third ray of the later scans clears the voxels that it crosses."""


@dataclass(frozen=True)
class Scan:
    """A labelled sweep.

    Attributes:
        points: (N, 4) in the grid frame at that moment [m], and intensity.
        labels: (N,) raw ids.
        pose: (4, 4) T_world_grid at that moment.
        origin: (3,) place of the LiDAR in the grid frame [m].
    """

    points: NDArray[np.float32]
    labels: NDArray[np.uint32]
    pose: NDArray[np.float64]
    origin: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))


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
    """Return the ground truth at the first of some scans, in its grid frame."""
    corner = np.asarray(grid.min_corner)
    seen = np.zeros(grid.shape, np.bool_)
    kept_points, kept_labels = [], []
    for i, scan in enumerate(scans):
        T_current = poses.inverse(scans[0].pose) @ scan.pose
        points = poses.apply(T_current, scan.points[:, :3]).astype(np.float32) if i else scan.points[:, :3]
        origin = (poses.apply(T_current, scan.origin) - corner) / grid.voxel_size
        _clear_rays(seen, origin, points, corner, grid.voxel_size, 1 if i == 0 else RAY_STRIDE)
        near = keep_points(scan.points) & grid.contains(grid.indices(points))
        kept_points.append(points[near])
        kept_labels.append(scan.labels[near])
    labels = voxelize(np.concatenate(kept_points), np.concatenate(kept_labels), grid)
    measured = voxelize(kept_points[0], kept_labels[0], grid) != 0
    occluded = np.zeros(grid.shape, np.bool_)
    _mark_hidden(labels != 0, (scans[0].origin - corner) / grid.voxel_size, occluded)
    return VoxelTruth(measured, labels, ~(seen | (labels != 0)), occluded)


@kernel
def _clip(o: float, d: float, size: int, first: float, last: float) -> tuple[float, float]:
    """Return the part of the segment parameters [first, last] in which 0 <= o + t d < size; empty if first > last."""
    if abs(d) < 1e-9:
        return (first, last) if 0 <= o < size else (1.0, 0.0)
    a, b = -o / d, (size - o) / d
    return max(first, min(a, b)), min(last, max(a, b))


@kernel
def _axis(o: float, d: float, size: int, first: float) -> tuple[int, int, float, float]:
    """Return the start of a walk along one axis: cell, step, parameter of the next face, parameters per cell."""
    start = o + first * d
    cell = min(max(int(np.floor(start)), 0), size - 1)
    delta = 1 / abs(d) if abs(d) > 1e-9 else 1e9
    gap = (cell + 1 - start) if d > 0 else (start - cell)
    return cell, (1 if d > 0 else -1), first + gap * delta, delta


@kernel
def _clear_rays(
    seen: NDArray[np.bool_], origin: NDArray[np.float64], points: NDArray[np.float32], corner: NDArray[np.float64],
    voxel: float, stride: int,
) -> None:  # fmt: skip
    """Mark the voxels that the segments from an origin to every `stride`-th point cross, ends included.

    Args:
        seen: (X, Y, Z), marked.
        origin: (3,) in voxels from the corner.
        points: (N, 3) [m].
        corner: (3,) lower corner of the volume [m].
        voxel: edge of a voxel [m].
        stride: 1 takes all points.
    """
    nx, ny, nz = seen.shape
    ox, oy, oz = origin[0], origin[1], origin[2]
    for n in range(0, len(points), stride):
        # 1. the segment in voxels, and its part within the volume
        dx = (points[n, 0] - corner[0]) / voxel - ox
        dy = (points[n, 1] - corner[1]) / voxel - oy
        dz = (points[n, 2] - corner[2]) / voxel - oz
        first, last = _clip(ox, dx, nx, 0.0, 1.0)
        first, last = _clip(oy, dy, ny, first, last)
        first, last = _clip(oz, dz, nz, first, last)
        if first >= last:
            continue
        # 2. from face to face (Amanatides and Woo 1987)
        first += 1e-6
        x, step_x, next_x, delta_x = _axis(ox, dx, nx, first)
        y, step_y, next_y, delta_y = _axis(oy, dy, ny, first)
        z, step_z, next_z, delta_z = _axis(oz, dz, nz, first)
        while 0 <= x < nx and 0 <= y < ny and 0 <= z < nz:
            seen[x, y, z] = True
            if min(next_x, next_y, next_z) > last:
                break
            if next_x < next_y and next_x <= next_z:
                x, next_x = x + step_x, next_x + delta_x
            elif next_y <= next_z:
                y, next_y = y + step_y, next_y + delta_y
            else:
                z, next_z = z + step_z, next_z + delta_z


@kernel
def _mark_hidden(solid: NDArray[np.bool_], origin: NDArray[np.float64], hidden: NDArray[np.bool_]) -> None:
    """Mark the solid voxels, and every voxel with a solid one between `origin` [voxels] and its centre."""
    nx, ny, nz = solid.shape
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                hidden[x, y, z] = solid[x, y, z]
                dx, dy, dz = x + 0.5 - origin[0], y + 0.5 - origin[1], z + 0.5 - origin[2]
                steps = int(max(abs(dx), abs(dy), abs(dz)))
                dx, dy, dz = dx / steps, dy / steps, dz / steps
                px, py, pz = origin[0] + 0.5 * dx, origin[1] + 0.5 * dy, origin[2] + 0.5 * dz
                for _ in range(steps):
                    i, j, k = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
                    if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz and solid[i, j, k]:
                        hidden[x, y, z] = True
                        break
                    px, py, pz = px + dx, py + dy, pz + dz
