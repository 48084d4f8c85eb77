"""A few seconds of a robot's topics, from a bag or live: what came, and some of the pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.doctor.findings import Finding, wrong
from ssc_ros.assembly.doctor.stereo import Image, StereoExamination, examine_calibration, examine_stereo
from ssc_ros.assembly.doctor.streams import Stream, describe_pairing
from ssc_ros.assembly.settings import Settings, sync_rules
from ssc_ros.assembly.synchronizer import LEFT, RIGHT, Synchronizer
from ssc_ros.assembly.transform_tree import TransformTree
from ssc_ros.assembly.transforms import Mount, Transforms
from ssc_ros.core import SEMANTIC_KITTI_GRID, SscError
from ssc_ros.messages.clouds import read_points
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.images import IMAGE_READERS
from ssc_ros.messages.poses import read_pose
from ssc_ros.messages.rectification import rectified
from ssc_ros.messages.topics import Topics

OPTIONAL = ("points", "odometry")
"""Inputs that not every robot has."""

TYPES = {
    "left_image": "Image",
    "left_info": "CameraInfo",
    "right_image": "Image",
    "right_info": "CameraInfo",
    "points": "PointCloud2",
    "odometry": "Odometry",
}
"""Kind of message of each input, by the names of `Topics`."""


class Recording:
    """Takes the messages of some seconds and says what is wrong with them.

    Of the pairs, only some are kept, evenly over the time: images are large.

    Attributes:
        streams: what came, by input; see `TYPES`.
        settings: the node's.
        further: what else was found by whoever records.
    """

    def __init__(self, topics: Topics, settings: Settings, frames: int) -> None:
        """Record nothing yet.

        Args:
            topics: names of the inputs.
            settings: of the node: transport, slop, given extrinsics.
            frames: how many pairs to look at.
        """
        self.settings = settings
        suffix = "/compressed" if settings.image_transport == "compressed" else ""
        self.streams = {
            name: Stream(name.replace("_", " "), getattr(topics, name) + (suffix if kind == "Image" else ""))
            for name, kind in TYPES.items()
        }
        self.further: list[Finding] = []
        self._transforms: list[Any] = []
        self._frames, self._stride = frames, 1
        self._kept: list[tuple[Any, Any]] = []
        self._pairs = 0
        self._synchronizer = Synchronizer(sync_rules(settings), lambda *_: None, points_expected=lambda: False)
        self._synchronizer.registerCallback(self._take_pair)

    def take(self, name: str, message: Any, now: int | None = None) -> None:
        """Take a message of an input that came at a time [ns], where that is known."""
        self.streams[name].take(message, now)
        side = {"left_image": LEFT, "right_image": RIGHT}.get(name)
        if side:
            self._synchronizer.add(message, side)

    def take_transforms(self, message: Any) -> None:
        """Take a tf2_msgs/TFMessage of static transforms."""
        self._transforms.append(message)

    def examine(self) -> StereoExamination:
        """Look at everything that came."""
        streams = self.streams
        images, infos = ([streams[f"{side}_{part}"] for side in ("left", "right")] for part in ("image", "info"))
        findings = [
            *(stream.describe(self._describe_image) for stream in images),
            *(stream.describe(lambda info: f"of {info.width} x {info.height}") for stream in infos),
            *self._optional(),
            *self.further,
        ]
        if images[0].count and images[1].count:
            slop = sync_rules(self.settings).slop
            findings.append(describe_pairing(images[0], images[1], slop, self._pairs))
        left, right = (stream.newest for stream in infos)
        if left is None or right is None or not (images[0].count and images[1].count):
            return StereoExamination(tuple(findings))
        try:
            pairs = list(self._read_pairs())
        except UnusableInput as error:
            stereo = examine_calibration(left, right)
            findings += [*stereo.findings, wrong("images", str(error))]
            return StereoExamination(tuple(findings), rig=stereo.rig)
        if not pairs:  # which the pairing has explained
            stereo = examine_calibration(left, right)
        else:
            stereo = examine_stereo(left, right, pairs, self.given_extrinsics)
        return StereoExamination((*findings, *stereo.findings), stereo.mount, stereo.rig)

    @property
    def given_extrinsics(self) -> NDArray[np.float64] | None:
        """(4, 4), left camera_info's frame -> grid frame, by settings or static transforms; None if neither says it."""
        camera, grid, info = self.settings.camera, self.settings.grid, self.streams["left_info"].newest
        mount = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, camera.frame_id, camera.extrinsics, optical=True)
        transforms = Transforms(grid.frame_id or SEMANTIC_KITTI_GRID.frame_id, TransformTree(self._transforms))
        try:
            return None if info is None else transforms.of(mount, info.header.frame_id)
        except SscError:
            return None

    @property
    def rate(self) -> float:
        """Rate of the pairs [1/s]; NaN if there are too few images."""
        return 1 / self.streams["left_image"].period

    def first_pair(self) -> tuple[Image, Image] | None:
        """Return the first pair as rectified RGB images; None if there is none."""
        return next(self._read_pairs(), None)

    def _take_pair(self, left: Any, right: Any, points: None) -> None:
        if self._pairs % self._stride == 0:
            self._kept.append((left, right))
        self._pairs += 1
        if len(self._kept) == 2 * self._frames:
            self._kept, self._stride = self._kept[::2], 2 * self._stride

    def _read_pairs(self) -> Iterator[tuple[Image, Image]]:
        read = IMAGE_READERS[self.settings.image_transport].read
        left_info, right_info = (self.streams[f"{side}_info"].newest for side in ("left", "right"))
        pairs = ((read(left), read(right)) for left, right in self._kept[:: -(-len(self._kept) // self._frames) or 1])
        yield from rectified(pairs, left_info, right_info, self.settings.rectify)

    def _describe_image(self, message: Any) -> str:
        height, width = IMAGE_READERS[self.settings.image_transport].size(message)
        encoding = message.encoding if self.settings.image_transport == "raw" else message.format
        return f"{width} x {height} {encoding}"

    def _optional(self) -> Iterator[Finding]:
        contents = {"points": _describe_cloud, "odometry": _describe_pose}
        for name in OPTIONAL:
            stream = self.streams[name]
            if stream.newest is None:
                yield Finding(stream.what, f"none on {stream.topic}, which not every network needs")
            else:
                yield stream.describe(contents[name])


def _describe_cloud(message: Any) -> str:
    return f"{len(read_points(message, np.eye(4)))} points"


def _describe_pose(message: Any) -> str:
    read_pose(message.pose.pose)
    return f"'{message.child_frame_id}' in '{message.header.frame_id}'"
