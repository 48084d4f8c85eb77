"""Bags that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.core import SscError
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.bag_writer import STORAGES, open_bag
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.sources import BagSource
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.typestore import load_typestore


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(SscError, match=str(path)), open_bag_reader(path):
            pass


def test_an_mcap_folder_without_metadata_opens_as_its_file_does(bag: Path) -> None:
    """What a recording leaves that was cut off before it could write metadata.yaml."""
    with open_bag_reader(bag) as whole:
        expected = list(whole.records({TOPICS.left_info}))
    (bag / "metadata.yaml").unlink()
    (file,) = bag.glob("*.mcap")
    for path in (bag, file):
        with open_bag_reader(path) as reader:
            assert list(reader.records({TOPICS.left_info})) == expected


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("stamp", [2**63 - 1, 2**31 * 10**9])
def test_a_message_of_a_time_that_no_stamp_holds_is_named_with_its_topic(
    tmp_path: Path, storage: str, stamp: int
) -> None:
    store = load_typestore()
    infos = MessageEncoder(store).message("std_msgs/msg/String", data="x")
    with open_bag(tmp_path / "bag", store, storage) as writer:
        writer.write(Record(stamp, "/chatter", *infos))
    source = BagSource(tmp_path / "bag")
    with pytest.raises(SscError, match=r"bag: a message on /chatter was recorded at [0-9.e+]+ s, which no ROS stamp"):
        list(source.records())


def test_a_damaged_message_is_named_with_file_and_topic(bag: Path) -> None:
    with open_bag_reader(bag) as reader:
        record = next(reader.records({TOPICS.left_image}))
        for data in (b"", record.data[:20], record.data[:30] + b"\xff" * 30):
            with pytest.raises(SscError, match=r"bag: damaged sensor_msgs/msg/Image on /left/image_rect"):
                reader.message(Record(record.stamp, record.topic, record.msgtype, data))


@pytest.mark.parametrize("place", [0.0, 1.0])
def test_a_storage_file_whose_begin_or_end_is_overwritten_is_named(bag: Path, place: float) -> None:
    (file,) = bag.glob("*.mcap")
    content = bytearray(file.read_bytes())
    at = int(place * (len(content) - 400))
    content[at : at + 400] = b"\xff" * 400
    file.write_bytes(content)
    with pytest.raises(SscError, match=str(bag)):
        list(BagSource(bag).records())
