"""Writing a rosbag2 bag that is either there in full or not there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from ssc_ros.core import SscError
from ssc_ros.messages.encoder import Record
from ssc_ros.messages.topics import TOPICS

STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
BAG_VERSION: Literal[9] = 9  # stores the message definitions, so that a reader without our packages decodes everything
HEADROOM = 1.05
LATCHED_TOPICS = frozenset({TOPICS.tf_static})


class BagWriter:
    """Appends records to an open bag; a topic is declared by its first record."""

    def __init__(self, writer: Writer, store: Typestore) -> None:
        self._writer = writer
        self._store = store
        self._connections: dict[str, Connection] = {}

    def write(self, record: Record) -> None:
        """Append one message."""
        connection = self._connections.get(record.topic)
        if connection is None:
            connection = self._writer.add_connection(
                record.topic,
                record.msgtype,
                typestore=self._store,
                offered_qos_profiles=[_offered_qos(latched=record.topic in LATCHED_TOPICS)],
            )
            self._connections[record.topic] = connection
        self._writer.write(connection, record.stamp, record.data)


@contextmanager
def open_bag(
    path: Path, store: Typestore, storage: str = "mcap", size: int = 0, replace: bool = False
) -> Iterator[BagWriter]:
    """A bag that appears at `path`, complete, when the block ends without an error; on an error nothing is left.

    Args:
        path: folder of the bag.
        store: knows every type that will be written.
        storage: "mcap" or "sqlite3".
        size: bytes that will be written, checked against the free space first.
        replace: put the new bag in the place of an existing one.

    Raises:
        SscError: the path is taken, its disk too full, or not writable.
    """
    if path.exists() and not replace:
        raise SscError(f"{path} exists already; choose another path or replace it with --force")
    if path.exists() and not (path / "metadata.yaml").is_file():
        raise SscError(f"{path} exists and is no bag (it has no metadata.yaml), so it will not be replaced")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_space(path.parent, size)
        # The bag's file is named after its folder, so the temporary name goes to a folder around it.
        workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise SscError(f"cannot write a bag at {path}: {error}") from error
    try:
        partial = workplace / path.name
        with Writer(partial, version=BAG_VERSION, storage_plugin=STORAGES[storage]) as writer:
            yield BagWriter(writer, store)
        if path.exists():
            path.rename(workplace / "replaced")
        partial.rename(path)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _check_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    needed = int(size * HEADROOM)
    if free < needed:
        raise SscError(f"the bag needs {needed / 1e9:.2f} GB, but {folder} has {free / 1e9:.2f} GB free")


def _offered_qos(latched: bool) -> Qos:
    """Reliable, as sensor publishers offer; transient local where late subscribers must see the last message."""
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    forever = QosTime(0, 0)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=10,
        reliability=QosReliability.RELIABLE,
        durability=durability,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )
