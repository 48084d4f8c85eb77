"""Frames from a rosbag2 bag, without ROS: deterministic, so the same bag gives the same frames every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from ssc_ros.core import Frame, SemanticGrid, SscError, poses
from ssc_ros.data.bag_index import FrameEntries, index_bag, match_frames, open_reader
from ssc_ros.data.sensor_messages import (
    NANOSECONDS,
    StaticTransforms,
    read_image,
    read_points,
    read_rig,
    read_transform,
)
from ssc_ros.data.topics import TOPICS, Topics


class BagSequence:
    """The frames of a bag, in the order of their stamps, paired as the node pairs them (see `match_frames`).

    Attributes:
        path: the bag.
        unpaired: how many left images make no frame, for want of a right one.
        truths: how many frames have ground truth.
    """

    def __init__(
        self,
        path: Path,
        grid_frame: str,
        topics: Topics = TOPICS,
        decode_truth: Callable[[Any], SemanticGrid] | None = None,
        with_points: bool = True,
        slop: float = 0.01,
        lidar_slop: float = 0.05,
    ) -> None:
        """Index a bag; only the stamps and the static transforms are read.

        Args:
            path: folder of the bag.
            grid_frame: frame that points, rig and pose are wanted in.
            topics: names of the inputs; an image may also be on `<topic>/compressed`.
            decode_truth: reads a ground-truth message; None leaves the truth out. (The codec lives above this room.)
            with_points: whether to read the LiDAR sweeps.
            slop: largest difference of stamp within a pair [s].
            lidar_slop: largest difference of stamp between image and sweep or pose [s].

        Raises:
            SscError: no readable bag, or no stereo pair in it; the error lists the topics there are.
        """
        self.path = path
        self._grid_frame = grid_frame
        self._decode_truth = decode_truth
        optional = {topics.odometry}
        optional |= {topics.points} if with_points else set()
        optional |= {topics.ground_truth} if decode_truth else set()
        try:
            with open_reader(path) as reader:
                index = index_bag(reader, topics, optional)
                self._transforms = _static_transforms(reader, topics.tf_static)
        except SscError as error:
            raise SscError(f"{path}: {error}") from error
        self._frames = list(match_frames(index, topics, slop, lidar_slop))
        lefts, rights = len(index[topics.left_image]), len(index[topics.right_image])
        self.unpaired = lefts - len(self._frames)
        self.truths = sum(entries.ground_truth is not None for entries in self._frames)
        if not self._frames:
            raise SscError(
                f"{path}: none of {lefts} left and {rights} right images are within {slop} s of one another; "
                "are the cameras synchronised?"
            )

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[tuple[Frame, SemanticGrid | None]]:
        """Each frame, with its ground truth where there is one.

        Raises:
            SscError: a message cannot be used, or a transform is missing; the bag and the stamp are named.
        """
        with open_reader(self.path) as reader:
            for entries in self._frames:
                yield self._load(reader, entries)

    def _load(self, reader: AnyReader, entries: FrameEntries) -> tuple[Frame, SemanticGrid | None]:
        try:
            return self._frame(reader, entries), self._truth(reader, entries)
        except SscError as error:
            raise SscError(f"{self.path}, frame at {entries.left.stamp / NANOSECONDS} s: {error}") from error

    def _frame(self, reader: AnyReader, entries: FrameEntries) -> Frame:
        left_info, right_info = entries.left_info.load(reader), entries.right_info.load(reader)
        return Frame(
            stamp=entries.left.stamp,
            left=read_image(entries.left.load(reader)),
            right=read_image(entries.right.load(reader)),
            rig=read_rig(left_info, right_info, self._T_grid(left_info.header.frame_id)),
            points=self._points(entries.points.load(reader)) if entries.points else None,
            T_world_grid=self._pose(entries.odometry.load(reader)) if entries.odometry else None,
        )

    def _truth(self, reader: AnyReader, entries: FrameEntries) -> SemanticGrid | None:
        if entries.ground_truth is None or self._decode_truth is None:
            return None
        return replace(self._decode_truth(entries.ground_truth.load(reader)), stamp=entries.left.stamp)

    def _points(self, message: Any) -> NDArray[np.float32]:
        points = read_points(message)
        frame_id = message.header.frame_id
        if frame_id != self._grid_frame:
            points[:, :3] = poses.apply(self._T_grid(frame_id), points[:, :3])
        return points

    def _pose(self, message: Any) -> NDArray[np.float64]:
        T_odom_body = read_transform(message.pose.pose)
        body = message.child_frame_id
        return T_odom_body if body == self._grid_frame else T_odom_body @ poses.inverse(self._T_grid(body))

    def _T_grid(self, frame_id: str) -> NDArray[np.float64]:
        return self._transforms.lookup(self._grid_frame, frame_id)


def _static_transforms(reader: AnyReader, topic: str) -> StaticTransforms:
    connections = [c for c in reader.connections if c.topic == topic]
    messages = reader.messages(connections) if connections else ()
    return StaticTransforms([reader.deserialize(raw, c.msgtype) for c, _, raw in messages])
