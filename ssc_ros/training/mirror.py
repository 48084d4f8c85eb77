"""Mirrored scenes: the world as it is seen in a mirror that stands along the road.

In a mirror the left camera is on the right: the mirror image of a stereo pair has the mirrored right image as its left
one. Where a network reads both images, the frame must be mirrored before anything is made of it (`mirror_frame`,
`MirroredSequence`): depth and classes of the image cells are then those of the other camera. For networks that read
the left image alone, `mirror_sample` mirrors the finished sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import Frame, SceneGrid, SscError, StereoRig
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.distillation import PixelGuidance
from ssc_ros.training.scene_sample import SceneSample, SceneTruth

Matrix = NDArray[np.float64]


def grid_mirror(grid: SceneGrid) -> Matrix:
    """(4, 4), y -> y0 + y1 - y: the mirror is the middle plane of the grid."""
    mirror = np.diag([1.0, -1, 1, 1])
    mirror[1, 3] = grid.min_corner[1] + grid.max_corner[1]
    return mirror


def mirror_rig(rig: StereoRig, grid: SceneGrid) -> StereoRig:
    """The rig whose left camera is the mirror image of the right one, column u at W - 1 - u."""
    T_left_right, camera_mirror = np.eye(4), np.diag([-1.0, 1, 1, 1])
    T_left_right[0, 3] = rig.baseline
    k = rig.camera_matrix.copy()
    k[0, 2] = rig.image_size[1] - 1 - k[0, 2]
    k[0, 1] = -k[0, 1]
    T_grid_camera = grid_mirror(grid) @ rig.T_grid_camera @ T_left_right @ camera_mirror
    return replace(rig, camera_matrix=k, T_grid_camera=T_grid_camera)


def mirror_frame(frame: Frame, grid: SceneGrid) -> Frame:
    """The frame that the mirrored rig senses in the mirrored world; the world's mirror is that of the grid."""
    mirror = grid_mirror(grid)
    points, pose = frame.points, frame.T_world_grid
    if points is not None:
        points = points.copy()
        points[:, 1] = np.float32(mirror[1, 3]) - points[:, 1]
    return replace(
        frame,
        left=np.ascontiguousarray(frame.right[:, ::-1]),
        right=np.ascontiguousarray(frame.left[:, ::-1]),
        rig=mirror_rig(frame.rig, grid),
        points=points,
        T_world_grid=None if pose is None else mirror_pose(pose, grid),
        image_labels=None,  # they are those of the image that is now the right one
    )


def mirror_pose(pose: Matrix, grid: SceneGrid) -> Matrix:
    """Pose (4, 4) of the mirrored grid frame in the mirrored world; it is rigid, because the mirror comes twice."""
    mirror = grid_mirror(grid)  # its own inverse
    return np.asarray(mirror @ pose @ mirror)


@dataclass(frozen=True)
class MirroredSequence(KittiSequence):
    """A sequence folder, seen in the mirror."""

    @staticmethod
    def of(sequence: KittiSequence) -> MirroredSequence:
        """The mirror image of a sequence."""
        values = {field.name: getattr(sequence, field.name) for field in fields(KittiSequence)}
        if sequence.T_world_lidar is not None:
            values["T_world_lidar"] = np.stack([mirror_pose(pose, sequence.grid) for pose in sequence.T_world_lidar])
        return MirroredSequence(**values)

    def frame(self, frame_id: str, with_points: bool = True) -> Frame:
        """As of the sequence, mirrored."""
        frame = super().frame(frame_id, with_points)
        return replace(mirror_frame(frame, self.grid), T_world_grid=frame.T_world_grid)

    def target(self, frame_id: str) -> NDArray[np.uint8]:
        """As of the sequence, mirrored."""
        return np.ascontiguousarray(super().target(frame_id)[:, ::-1])


def mirror_sample(sample: SceneSample, grid: SceneGrid) -> SceneSample:
    """Exchange left and right: y in the grid, columns in the image, and the projection between them.

    The mirrored projection takes the mirror image of a voxel to the mirror image of its pixel, exactly; it is that of
    a camera whose extrinsics are conjugated by the two mirrors and whose principal point is at W - 1 - cx.

    A pair cannot be mirrored this way: its left image becomes a right one, see `mirror_frame`.

    Args:
        sample: unbatched; not of a network that reads the right image.
        grid: gives the plane of the mirror, the middle of the box along y.

    Raises:
        SscError: the sample has a right image.
    """
    inputs, truth, guidance = sample
    if "right" in inputs:
        raise SscError("a sample with a right image cannot be mirrored; mirror its frame (MirroredSequence)")
    flip = partial(torch.flip, dims=(-1,))
    project = partial(mirror_projection, width=inputs["image"].shape[-1] if "image" in inputs else 0, grid=grid)
    points = partial(mirror_points, grid=grid)
    sightings = partial(
        mirror_sightings, depth=grid.shape[1] // 2, height=grid.shape[2] // 2, cells=truth.depth.shape[1]
    )
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        "image": flip,
        "projection": project,
        "stereo_depth": flip,
        "stereo_voxels": mirror_children,
        "stereo_points": points,
        "stereo_sightings": sightings,
        "lidar_depth": flip,
        "image_classes": flip,
        "lidar_sightings": sightings,
        "points": points,
        "lidar_voxels": mirror_children,
        "lidar_classes": partial(torch.flip, dims=(-2,)),
        "past_image": flip,
        "past_projection": project,
        "past_voxels": mirror_children,
        "past_sightings": sightings,
        "past_valid": lambda valid: valid,
    }
    mirrored = {key: changes[key](value) for key, value in inputs.items()}
    said = None if guidance is None else PixelGuidance(*map(flip, guidance))
    return SceneSample(mirrored, SceneTruth(truth.labels.flip(-2), truth.depth.flip(-1), truth.image.flip(-1)), said)


def mirror_points(points: Tensor, grid: SceneGrid) -> Tensor:
    """Mirror (N, 3 or 4) along y."""
    x, y, *others = points.unbind(-1)
    return torch.stack([x, grid.min_corner[1] + grid.max_corner[1] - y, *others], dim=-1)


def mirror_sightings(pairs: Tensor, depth: int, height: int, cells: int) -> Tensor:
    """Mirror pairs (N, 2) of a voxel, of so many along y and z, and a cell, of so many in a row; no cell stays none."""
    voxel, cell = pairs.unbind(1)
    column, z = voxel // height, voxel % height
    y = column % depth
    u = cell % cells
    mirrored = (column + depth - 1 - 2 * y) * height + z
    return torch.stack([mirrored, torch.where(cell < 0, cell, cell + cells - 1 - 2 * u)], dim=1)


def mirror_projection(projection: Tensor, width: int, grid: SceneGrid) -> Tensor:
    """M P G: projections P (..., 3, 4) between the mirrors of pixels M, u -> W - 1 - u, and of the grid G."""
    pixel_mirror = torch.tensor([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    return (pixel_mirror @ projection.double() @ torch.from_numpy(grid_mirror(grid))).to(projection.dtype)


def mirror_children(volume: Tensor) -> Tensor:
    """Mirror (8, X, Y, Z) along y; the bit of y in the child's number, the middle one, changes sides too."""
    return volume.unflatten(0, (2, 2, 2)).flip(1, -2).flatten(0, 2)
