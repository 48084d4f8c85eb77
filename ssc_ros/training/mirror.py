"""Mirrored drives: the world as it is seen in a mirror that stands along the road.

In a mirror the left camera is on the right: the mirror image of a stereo pair has the mirrored right image as its left
one. Where a network reads both images, it is the frame that must be mirrored, before anything is made of it: depth and
classes of the image cells are then those of the other camera. (`augmentation.mirror` does it to a finished sample, for
networks that see the left image alone.)
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, SceneGrid, StereoRig
from ssc_ros.data.semantic_kitti import KittiSequence

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
