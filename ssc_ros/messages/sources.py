"""Where the messages of a replay come from: a bag, or the files of a SemanticKITTI sequence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ssc_ros.core import SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.kitti_messages import EncodeGrid, kitti_records
from ssc_ros.messages.stamps import SECOND
from ssc_ros.messages.topics import TOPICS, Topics


class MessageSource(Protocol):
    """Messages that can be played any number of times.

    Attributes:
        types: type name of each topic, such as {"/points": "sensor_msgs/msg/PointCloud2"}.
    """

    types: Mapping[str, str]

    def records(self, offset: float = 0.0) -> Iterator[Record]:
        """Messages from `offset` [s] after the first one on, in the order of time; static transforms always."""


class BagSource:
    """The messages of a bag, as they were recorded."""

    def __init__(self, path: Path, with_points: bool = True, topics: Topics = TOPICS) -> None:
        """Look into a bag.

        Args:
            path: of the bag.
            with_points: whether to play the LiDAR sweeps.
            topics: names of the inputs in the bag.

        Raises:
            SscError: there is no readable bag, or nothing in it.
        """
        self._path = path
        self._static = topics.tf_static
        with open_bag_reader(path) as bag:
            self.types: Mapping[str, str] = {
                name: kind for name, kind in bag.types.items() if with_points or name != topics.points
            }
        if not self.types:
            raise SscError(f"{path} has no messages to replay")

    def records(self, offset: float = 0.0) -> Iterator[Record]:
        """See `MessageSource`."""
        with open_bag_reader(self._path) as bag:
            begin = bag.start + round(offset * SECOND)
            played = self.types.keys() - {self._static}
            # static transforms alone are nothing to play, so they wait for the first message of another topic
            first = next(iter(bag.records(played, start=begin)), None)
            if first is None:
                return
            for record in bag.records({self._static}):
                yield replace(record, stamp=first.stamp)
            yield from bag.records(played, start=begin)


class KittiSource:
    """The messages that `kitti2bag` would write, made on the fly."""

    def __init__(
        self,
        sequence: KittiSequence,
        encoder: MessageEncoder,
        frame_ids: Sequence[str],
        encode_truth: EncodeGrid | None = None,
        with_points: bool = True,
    ) -> None:
        """Choose frames; see `kitti_records` for the arguments."""
        self._sequence = sequence
        self._encoder = encoder
        self._frame_ids = frame_ids
        self._encode_truth = encode_truth
        self._with_points = with_points
        first = kitti_records(sequence, encoder, frame_ids[:1], encode_truth, with_points)
        self.types: Mapping[str, str] = {record.topic: record.msgtype for record in first}

    def records(self, offset: float = 0.0) -> Iterator[Record]:
        """See `MessageSource`."""
        sequence = self._sequence
        stamp = dict(zip(sequence.frame_ids, sequence.times.tolist(), strict=True))
        begin = stamp[self._frame_ids[0]] + round(offset * SECOND)
        later = [frame_id for frame_id in self._frame_ids if stamp[frame_id] >= begin]
        return kitti_records(sequence, self._encoder, later, self._encode_truth, self._with_points)
