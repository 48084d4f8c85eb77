"""Frames from a bag through the node's own synchroniser and assembler: what the node sees, without ROS or chance."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from typing import Any

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.frames import FrameAssembler, StereoSet
from ssc_ros.assembly.lidar_use import LidarUse
from ssc_ros.assembly.settings import Settings, sync_rules
from ssc_ros.assembly.synchronizer import LEFT, POINTS, RIGHT, Synchronizer
from ssc_ros.assembly.transform_tree import TransformTree
from ssc_ros.assembly.transforms import Transforms
from ssc_ros.core import Frame, SemanticGrid, SscError
from ssc_ros.messages.bag_reader import BagReader
from ssc_ros.messages.codec import decode
from ssc_ros.messages.drops import UnusableInput
from ssc_ros.messages.stamps import SECOND, header_stamp
from ssc_ros.messages.topics import TOPICS, Topics

_log = logging.getLogger(__name__)


class BagFrames:
    """The frames of a bag, in the order in which a node of these settings would complete them.

    Time is that of the recording, so the grace time of late sweeps passes as it did then; inference takes none of it,
    so no frame is lost because the node is busy.

    Attributes:
        drops: what the last pass left out, by reason.
        left_topic: where the left images are.
    """

    def __init__(
        self,
        bag: BagReader,
        grid_frame: str,
        settings: Settings | None = None,
        lidar: LidarUse = LidarUse.OPTIONAL,
        topics: Topics = TOPICS,
        warn: Callable[[str], None] = _log.warning,
    ) -> None:
        """Look for the inputs.

        Args:
            bag: an open bag.
            grid_frame: frame that points, rig and pose are wanted in.
            settings: of the node; extrinsics that they do not give come from /tf_static of the bag.
            lidar: what the network does with point clouds; optional ones need not be in the bag.
            topics: names of the inputs.
            warn: is told the first case of each reason for which something is left out.

        Raises:
            SscError: inputs are missing (the error lists the topics there are), or a static transform is none.
        """
        self._bag = bag
        self._settings = settings or Settings()
        self._lidar = lidar
        self._topics = topics
        self._warn: Callable[[str], None] = lambda text: warn(f"{bag.path}: {text}")
        suffix = "/compressed" if self._settings.image_transport == "compressed" else ""
        self.left_topic = topics.left_image + suffix
        self._streams = {self.left_topic: LEFT, topics.right_image + suffix: RIGHT}
        self._infos = {topics.left_info: LEFT, topics.right_info: RIGHT}
        if lidar is LidarUse.REQUIRED or (lidar is LidarUse.OPTIONAL and topics.points in bag.types):
            self._streams[topics.points] = POINTS
        bag.require([*self._streams, *self._infos])
        static = [bag.message(record) for record in bag.records({topics.tf_static})]
        with bag.naming(topics.tf_static):
            tree = TransformTree(static)
            tree.require_usable()
        self._transforms = Transforms(grid_frame, tree)
        self._start_over()

    def frames(self, wanted: Callable[[int], bool] = lambda stamp: True) -> Iterator[Frame]:
        """One pass over the bag.

        Args:
            wanted: whether to assemble the frame of a stamp [ns].

        Yields:
            Frames. A frame that cannot be used is counted in `drops`, as is an input that is missing from one.
        """
        self._start_over()
        topics, odometry = self._topics, self._settings.odometry.enabled
        used = {*self._streams, *self._infos} | ({topics.odometry} if odometry else set())
        for record in self._bag.records(used):
            self._now = record.stamp
            self._synchronizer.poll()  # the node's timer would have fired before this message came
            message = self._bag.message(record)
            if record.topic in self._infos:
                self._newest_info[self._infos[record.topic]] = message
            elif record.topic == topics.odometry:
                self._assembler.take_odometry(message)
            else:
                self._synchronizer.add(message, self._streams[record.topic])
            yield from self._assembled(wanted)
        self._now += self._synchronizer.wait
        self._synchronizer.poll()
        self._ended = True
        yield from self._assembled(wanted)

    def _start_over(self) -> None:
        self.drops = DropCounter(self._warn, quiet=math.inf)
        self._now = 0
        self._ended = False
        self._newest_info: dict[str, Any] = {LEFT: None, RIGHT: None}
        self._complete: list[StereoSet] = []
        required = self._lidar is LidarUse.REQUIRED
        self._assembler: FrameAssembler = FrameAssembler(self._settings, self._transforms, self.drops.explain, required)
        self._synchronizer: Synchronizer = Synchronizer(
            sync_rules(self._settings),
            self.drops.add,
            points_expected=lambda: POINTS in self._streams.values(),
            points_required=required,
            clock=lambda: self._now,
        )
        self._synchronizer.registerCallback(self._take_set)

    def _take_set(self, left: Any, right: Any, points: Any | None) -> None:
        infos = self._newest_info
        self._complete.append(StereoSet(left, right, points, infos[LEFT], infos[RIGHT], self._now))

    def _pose_may_come(self, stamp: int, arrival: int) -> bool:
        """Whether to go on in the bag before a frame is assembled, because its ego pose may be recorded after it."""
        max_gap = round(self._settings.odometry.max_gap * SECOND)
        if self._ended or not self._settings.odometry.enabled or self._topics.odometry not in self._bag.types:
            return False
        return self._now - arrival <= max_gap and self._assembler.poses.awaits(stamp, max_gap)

    def _assembled(self, wanted: Callable[[int], bool]) -> Iterator[Frame]:
        complete, self._complete = self._complete, []
        for number, inputs in enumerate(complete):
            stamp = header_stamp(inputs.left)
            if self._pose_may_come(stamp, inputs.arrival):
                self._complete = [*complete[number:], *self._complete]
                return
            if wanted(stamp):
                try:
                    yield self._assembler(inputs)
                except UnusableInput as error:
                    self.drops.explain(error)


class BagTruth:
    """The ground truth in a bag, by stamp [ns]; grids are read when they are asked for.

    Attributes:
        first: the earliest grid.
    """

    def __init__(self, bag: BagReader, topic: str = TOPICS.ground_truth) -> None:
        """Find all grids of a topic.

        Raises:
            SscError: there are none (the error lists the topics there are), or the first one is malformed.
        """
        bag.require([topic])
        self._bag = bag
        self._topic = topic
        self._recorded = {header_stamp(bag.message(record)): record.stamp for record in bag.records({topic})}
        if not self._recorded:
            raise SscError(f"{bag.path} has no message on {topic}, although it says so; its index is damaged")
        self.first = self[min(self._recorded)]

    def __contains__(self, stamp: int) -> bool:
        return stamp in self._recorded

    def __len__(self) -> int:
        return len(self._recorded)

    def __getitem__(self, stamp: int) -> SemanticGrid:
        recorded = self._recorded[stamp]
        grids = [self._bag.message(record) for record in self._bag.records({self._topic}, recorded, recorded + 1)]
        with self._bag.naming(f"the grid of {stamp / SECOND:.3f} s on {self._topic}"):
            return decode(next(grid for grid in grids if header_stamp(grid) == stamp))
