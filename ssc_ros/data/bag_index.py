"""Which messages of a bag belong together: stamps are read, contents are not."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from ssc_ros.core import SscError
from ssc_ros.data.sensor_messages import NANOSECONDS
from ssc_ros.data.topics import Topics

COMPRESSED = "/compressed"


def open_reader(path: Path) -> AnyReader:
    """A reader of a bag's raw messages, to be used as a context manager.

    Raises:
        SscError: there is no bag, or it cannot be read.
    """
    if not path.exists():
        raise SscError(f"there is no bag at {path}")
    try:
        return AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY))
    except (AnyReaderError, OSError, ValueError) as error:
        raise SscError(f"{path} is no rosbag2 bag (a folder with metadata.yaml): {error}") from error


@dataclass(frozen=True)
class Entry:
    """Where a message is.

    Attributes:
        stamp: of its header [ns].
        recorded: when it was recorded [ns].
        connection: id of its connection in the bag.
    """

    stamp: int
    recorded: int
    connection: int

    def load(self, reader: AnyReader) -> Any:
        """The message, deserialised."""
        connections = [c for c in reader.connections if c.id == self.connection]
        for connection, _, raw in reader.messages(connections, self.recorded, self.recorded + 1):
            if stamp_of_raw(raw) == self.stamp:
                return reader.deserialize(raw, connection.msgtype)
        raise SscError(f"the message recorded at {self.recorded} ns is gone: was the bag changed while it was read?")


@dataclass(frozen=True)
class FrameEntries:
    """The messages that make one frame."""

    left: Entry
    right: Entry
    left_info: Entry
    right_info: Entry
    points: Entry | None
    odometry: Entry | None
    ground_truth: Entry | None


Index = Mapping[str, Sequence[Entry]]
"""Entries by topic, sorted by stamp; images under their plain name also where they are compressed."""


def index_bag(reader: AnyReader, topics: Topics, optional: Collection[str]) -> Index:
    """Find the messages of the stereo topics and of some optional ones.

    Raises:
        SscError: a stereo topic has no messages; the error lists the topics there are.
    """
    index: dict[str, list[Entry]] = {name: [] for name in (*topics.stereo, *optional)}
    plain_name = {name + COMPRESSED: name for name in (topics.left_image, topics.right_image)}
    connections = [c for c in reader.connections if plain_name.get(c.topic, c.topic) in index]
    for connection, recorded, raw in reader.messages(connections) if connections else ():
        name = plain_name.get(connection.topic, connection.topic)
        index[name].append(Entry(stamp_of_raw(raw), recorded, connection.id))
    missing = [name for name in topics.stereo if not index[name]]
    if missing:
        present = ", ".join(f"{name} ({info.msgtype}, {info.msgcount})" for name, info in reader.topics.items())
        raise SscError(f"no messages on {', '.join(missing)}; the topics are {present or 'none'}")
    for entries in index.values():
        entries.sort(key=lambda entry: (entry.stamp, entry.recorded))
    return index


def match_frames(index: Index, topics: Topics, slop: float, lidar_slop: float) -> Iterator[FrameEntries]:
    """Form frames as the node does: left and right at most `slop` [s] apart, inclusive, each right image once.

    The calibration is the camera_info of the nearest stamp, sweep and pose the nearest within `lidar_slop` [s], the
    ground truth the nearest within `slop`. Left images without a right one make no frame.
    """
    limit, lidar_limit = round(slop * NANOSECONDS), round(lidar_slop * NANOSECONDS)
    rights = list(index[topics.right_image])
    for left in index[topics.left_image]:
        right = nearest(rights, left.stamp, limit)
        left_info = nearest(index[topics.left_info], left.stamp)
        right_info = nearest(index[topics.right_info], left.stamp)
        if right is None or left_info is None or right_info is None:
            continue
        rights.remove(right)
        yield FrameEntries(
            left,
            right,
            left_info,
            right_info,
            points=nearest(index.get(topics.points, ()), left.stamp, lidar_limit),
            odometry=nearest(index.get(topics.odometry, ()), left.stamp, lidar_limit),
            ground_truth=nearest(index.get(topics.ground_truth, ()), left.stamp, limit),
        )


def nearest(entries: Sequence[Entry], stamp: int, slop: int | None = None) -> Entry | None:
    """The entry of the nearest stamp, at most `slop` [ns] away, inclusive; the earlier one of two equally near."""
    position = bisect_left(entries, stamp, key=lambda entry: entry.stamp)
    around = entries[max(position - 1, 0) : position + 1]
    best = min(around, key=lambda entry: abs(entry.stamp - stamp), default=None)
    return best if best is not None and (slop is None or abs(best.stamp - stamp) <= slop) else None


def stamp_of_raw(raw: bytes) -> int:
    """Stamp [ns] of a serialised message whose first field is a header."""
    order = "<" if raw[1] & 1 else ">"  # second byte of the CDR encapsulation header: endianness
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", raw, 4)
    return int(seconds) * NANOSECONDS + int(nanoseconds)
