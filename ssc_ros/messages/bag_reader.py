"""Reading rosbag2 bags, mcap or sqlite3."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from ssc_ros.core import SscError
from ssc_ros.messages.encoder import Record


class BagReader:
    """The messages of an open bag.

    Attributes:
        path: the bag.
        types: type name of each topic that has messages, such as {"/points": "sensor_msgs/msg/PointCloud2"}.
        counts: number of messages of each topic.
        start: when the first message was recorded [ns].
    """

    def __init__(self, path: Path, reader: AnyReader) -> None:
        self.path = path
        self._reader = reader
        infos = {topic: info for topic, info in reader.topics.items() if info.msgcount}
        self.types: Mapping[str, str] = {topic: info.msgtype or "" for topic, info in infos.items()}
        self.counts: Mapping[str, int] = {topic: info.msgcount for topic, info in infos.items()}
        self.start = int(reader.start_time)

    def records(self, topics: Collection[str], start: int | None = None, stop: int | None = None) -> Iterator[Record]:
        """Messages of some topics, in the order in which they were recorded, from `start` up to before `stop` [ns]."""
        connections = [c for c in self._reader.connections if c.topic in topics]
        for connection, stamp, raw in self._reader.messages(connections, start, stop) if connections else ():
            yield Record(stamp, connection.topic, connection.msgtype, raw)

    def message(self, record: Record) -> Any:
        """A record's message, deserialised by the definition in the bag; large arrays are views of it.

        Raises:
            SscError: the bytes are no message of this type.
        """
        try:
            return self._reader.deserialize(record.data, record.msgtype)
        except AnyReaderError as error:
            raise SscError(f"{self.path}: damaged {record.msgtype} on {record.topic}: {error}") from error

    def require(self, topics: Collection[str]) -> None:
        """Make sure that there are messages on some topics.

        Raises:
            SscError: there are none; the error lists the topics there are.
        """
        missing = [topic for topic in topics if topic not in self.types]
        if missing:
            present = ", ".join(f"{t} ({self.types[t]}, {self.counts[t]})" for t in self.types) or "none"
            raise SscError(f"{self.path} has no messages on {', '.join(missing)}; its topics are {present}")


@contextmanager
def open_bag_reader(path: Path) -> Iterator[BagReader]:
    """Open a bag for a block of code.

    Raises:
        SscError: there is no bag, or it cannot be read.
    """
    if not path.exists():
        raise SscError(f"there is no bag at {path}")
    try:
        reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    except (AnyReaderError, OSError, ValueError, KeyError) as error:
        raise SscError(f"{path} is no readable rosbag2 bag (a folder with metadata.yaml): {error}") from error
    try:
        yield BagReader(path, reader)
    finally:
        reader.close()
