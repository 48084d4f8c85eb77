"""A SemanticKITTI sequence as a stream of ROS messages, for a bag or for a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ssc_ros.core import Frame, SemanticGrid
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.topics import LEFT_CAMERA_FRAME, RIGHT_CAMERA_FRAME, TOPICS

BYTES_PER_POINT = 16
TYPICAL_POINTS = 130_000

EncodeGrid = Callable[[SemanticGrid], tuple[str, bytes]]
"""Ground truth -> (type name, CDR bytes); the codec lives above this room."""


def kitti_records(
    sequence: KittiSequence,
    encoder: MessageEncoder,
    frame_ids: Sequence[str],
    encode_truth: EncodeGrid | None = None,
    with_points: bool = True,
) -> Iterator[Record]:
    """Every message of some frames, in the order of time.

    All messages of a frame carry its exact stamp. Calibration, pose and sweep come before the images, so that the
    images complete the frame; the ground truth follows them.

    Args:
        sequence: where the frames are.
        encoder: serialises them.
        frame_ids: which frames, such as ("000000", "000001").
        encode_truth: serialises the ground truth of frames that have one; None leaves it out.
        with_points: whether to include the LiDAR sweeps.

    Yields:
        Records, first of all the static transforms of the rig.
    """
    for number, frame_id in enumerate(frame_ids):
        frame = sequence.frame(frame_id, with_points=with_points)
        if number == 0:
            yield Record(frame.stamp, TOPICS.tf_static, *_static_transforms(encoder, frame, sequence.grid.frame_id))
        yield from _frame_records(encoder, frame, sequence.grid.frame_id)
        if encode_truth is not None and frame_id in sequence.voxel_ids:
            truth = SemanticGrid(sequence.target(frame_id), sequence.grid, sequence.label_set, frame.stamp)
            yield Record(frame.stamp, TOPICS.ground_truth, *encode_truth(truth))


def estimated_size(sequence: KittiSequence, frames: int) -> int:
    """Bytes that the messages of so many frames take, about: images exactly, sweeps and truth of a typical size."""
    height, width = sequence.rig.image_size
    return frames * (2 * height * width * 3 + TYPICAL_POINTS * BYTES_PER_POINT + sequence.grid.size // 4)


def _frame_records(encoder: MessageEncoder, frame: Frame, lidar_frame: str) -> Iterator[Record]:
    stamp = frame.stamp
    left_info, right_info = encoder.camera_infos(stamp, frame.rig)
    yield Record(stamp, TOPICS.left_info, *left_info)
    yield Record(stamp, TOPICS.right_info, *right_info)
    if frame.T_world_grid is not None:
        yield Record(stamp, TOPICS.odometry, *encoder.odometry(stamp, frame.T_world_grid, lidar_frame))
    if frame.points is not None:
        yield Record(stamp, TOPICS.points, *encoder.point_cloud(stamp, frame.points, lidar_frame))
    yield Record(stamp, TOPICS.left_image, *encoder.image(stamp, frame.left, LEFT_CAMERA_FRAME))
    yield Record(stamp, TOPICS.right_image, *encoder.image(stamp, frame.right, RIGHT_CAMERA_FRAME))


def _static_transforms(encoder: MessageEncoder, frame: Frame, lidar_frame: str) -> tuple[str, bytes]:
    T_left_right = np.eye(4)
    T_left_right[0, 3] = frame.rig.baseline
    T_lidar_left = frame.rig.T_grid_camera
    children = {LEFT_CAMERA_FRAME: T_lidar_left, RIGHT_CAMERA_FRAME: T_lidar_left @ T_left_right}
    return encoder.transforms(frame.stamp, lidar_frame, children)
