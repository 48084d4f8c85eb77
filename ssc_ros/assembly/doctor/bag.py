"""The inputs of the node in a bag."""

from __future__ import annotations

from pathlib import Path

from ssc_ros.assembly.doctor.recording import TYPES, Recording
from ssc_ros.assembly.settings import Settings
from ssc_ros.messages.bag_reader import BagReader, open_bag_reader
from ssc_ros.messages.stamps import SECOND
from ssc_ros.messages.topics import Topics


def record_bag(path: Path, topics: Topics, settings: Settings, seconds: float, frames: int) -> Recording:
    """Read the first seconds of a bag.

    Args:
        path: the bag.
        topics: names of the inputs in it.
        settings: of the node.
        seconds: how much of the bag to read.
        frames: how many pairs to look at.

    Raises:
        SscError: no bag, or a damaged one.
    """
    recording = Recording(topics, settings, frames)
    with open_bag_reader(path) as bag:
        inputs: dict[str, list[str]] = {}
        for name, stream in recording.streams.items():
            if not _explain(recording, bag, name):
                inputs.setdefault(stream.topic, []).append(name)
        for record in bag.records({topics.tf_static}):
            recording.take_transforms(bag.message(record))
        for record in bag.records(inputs.keys(), stop=bag.start + round(seconds * SECOND)):
            message = bag.message(record)
            for name in inputs[record.topic]:
                recording.take(name, message)
    return recording


def _explain(recording: Recording, bag: BagReader, name: str) -> str:
    """Note why an input is not in a bag; empty if it is."""
    stream = recording.streams[name]
    expected = TYPES[name]
    if expected == "Image" and recording.settings.image_transport == "compressed":
        expected = "CompressedImage"
    found = bag.types.get(stream.topic)
    if found is None:
        others = ", ".join(f"{topic} ({kind.rpartition('/')[2]})" for topic, kind in bag.types.items())
        stream.missing = (
            f"the bag has nothing on {stream.topic}: choose with --remap; its topics are {others or 'none'}"
        )
    elif found.rpartition("/")[2] != expected:
        stream.missing = (
            f"{stream.topic} is {found}, expected {expected}: choose another topic with --remap, or the transport with "
            "--image-transport"
        )
    else:
        stream.missing = f"nothing on {stream.topic} in the first seconds of the bag"
        return ""
    return stream.missing
