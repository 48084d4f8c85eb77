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
from ssc_ros.messages.stamps import STAMPS_END


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
        """Messages of some topics, in the order in which they were recorded, from `start` up to before `stop` [ns].

        Raises:
            SscError: the file is damaged, or was recorded at a time that no ROS stamp can hold.
        """
        connections = [c for c in self._reader.connections if c.topic in topics]
        if not connections:
            return
        topic = ""
        try:
            for connection, stamp, raw in self._reader.messages(connections, start, stop):
                topic = connection.topic
                if not 0 <= stamp < STAMPS_END:
                    raise SscError(
                        f"{self.path}: a message on {topic} was recorded at {stamp / 1e9:.6g} s, which no ROS stamp "
                        "holds; correct its time"
                    )
                yield Record(stamp, topic, connection.msgtype, raw)
        except SscError:
            raise
        except Exception as error:  # whatever its storage, compression and index have to say
            behind = f" behind a message on {topic}" if topic else ""
            raise _unreadable(self.path, error, f" is damaged{behind}") from error

    def message(self, record: Record) -> Any:
        """A record's message, deserialised by the definition in the bag; large arrays are views of it.

        Raises:
            SscError: the bytes are no message of this type.
        """
        try:
            return self._reader.deserialize(record.data, record.msgtype)
        except Exception as error:  # sizes that do not fit end in errors of any kind
            raise SscError(f"{self.path}: damaged {record.msgtype} on {record.topic}: {_text(error)}") from error

    @contextmanager
    def naming(self, topic: str) -> Iterator[None]:
        """Name bag and topic in the errors of a block that uses messages of the topic."""
        try:
            yield
        except SscError as error:
            raise SscError(f"{self.path}: {topic} cannot be used: {error}") from error

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
    """Open a bag for a block of code: its folder, or a storage file of it.

    Raises:
        SscError: there is no bag, or it cannot be read.
    """
    if not path.exists():
        raise SscError(f"there is no bag at {path}")
    try:
        reader = AnyReader(_storage(path), default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    except Exception as error:  # whatever storage, YAML and message definitions have to say
        raise _unreadable(path, error, " is no readable rosbag2 bag (a folder with metadata.yaml)") from error
    try:
        yield _look_into(path, reader)
    finally:
        reader.close()


def _storage(path: Path) -> list[Path]:
    """What to open: a folder without metadata.yaml, as an interrupted recording leaves it, is its mcap files."""
    if path.is_dir() and not (path / "metadata.yaml").exists():
        return sorted(path.glob("*.mcap")) or [path]
    return [path]


def _look_into(path: Path, reader: AnyReader) -> BagReader:
    try:
        return BagReader(path, reader)
    except Exception as error:
        raise _unreadable(path, error, " is no readable rosbag2 bag") from error


def _unreadable(path: Path, error: Exception, what: str) -> SscError:
    return SscError(f"{path}{what}: {_text(error)}")


def _text(error: Exception) -> str:
    """What an error of rosbags says; of others the kind, too, which alone tells little."""
    return str(error) if isinstance(error, AnyReaderError) else f"{type(error).__name__}: {error}"
