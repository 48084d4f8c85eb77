"""What the campaign of `fuzz.py` feeds: each target makes a hostile input and reads it as the package does.

A reader returns whether the input was read (True) or left out with a reason (False), or raises the package's own error.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from fuzz_inputs import CAMERA, SIZE, STAMP, SoundInputs
from fuzz_mutations import mutate_bytes, mutate_json, mutate_message, mutate_text, repair_png, several

from ssc_ros.assembly.bag_frames import BagFrames, BagTruth
from ssc_ros.assembly.frames import FrameAssembler, StereoSet
from ssc_ros.assembly.parameter_files import read_sections
from ssc_ros.assembly.settings import TABLE, Settings
from ssc_ros.assembly.transform_tree import TransformTree
from ssc_ros.assembly.transforms import Transforms
from ssc_ros.core import poses
from ssc_ros.inference.checkpoint import FORMAT, read_metadata
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.calibration_files import read_stereo_calibration
from ssc_ros.messages.codec import Encoding, decode
from ssc_ros.messages.grid_cdr import grid_encoder
from ssc_ros.messages.images import ENCODINGS, IMAGE_READERS
from ssc_ros.messages.sources import BagSource
from ssc_ros.messages.topics import TOPICS

SETTINGS = Settings.from_values({"camera.extrinsics": CAMERA, "lidar.extrinsics": (*CAMERA[:6], -0.5)})

Attempt = Callable[[], bool]


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes:
        name: of the kind.
        share: how often it is drawn, relative to the others.
        make: draws a hostile input, and returns what reads it.
    """

    name: str
    share: float
    make: Callable[[Random], Attempt]


class Inputs(SoundInputs):
    """The targets of all kinds."""

    def targets(self) -> list[Target]:
        """All kinds; shares are such that what takes milliseconds is rare."""
        return [
            Target("raw images", 26, self.raw_image),
            Target("compressed images", 12, self.compressed_image),
            Target("point clouds", 24, self.cloud),
            Target("camera_info", 14, self.camera_info),
            Target("odometry", 8, self.odometry),
            Target("static transforms", 4, self.transforms),
            Target("grids", 8, self.semantic_grid),
            Target("records of bags", 3, self.record),
            Target("parameters", 3, self.parameters),
            Target("parameter files", 0.5, self.parameter_file),
            Target("calibration files", 0.5, self.calibration_file),
            Target("checkpoints", 1.5, self.checkpoint),
            Target("bags", 0.2, self.bag_file),
        ]

    def raw_image(self, random: Random) -> Attempt:
        """A sensor_msgs/Image of any encoding, into a frame."""
        name = random.choice(sorted(ENCODINGS))
        kind = ENCODINGS[name]
        rows, step = SIZE[0] * (3 if kind.half_chroma else 2) // 2, SIZE[1] * kind.channels * kind.depth
        sound = replace(self.messages[TOPICS.left_image], encoding=name, step=step, data=np.ones(rows * step, np.uint8))
        image = self._mutated(sound, random)
        if random.random() < 0.5:  # the calibration agrees
            return lambda: bool(IMAGE_READERS["raw"].read(image).size)
        return lambda: self._assemble(left=image)

    def compressed_image(self, random: Random) -> Attempt:
        """A picture whose bytes are others, into pixels; the calibration agrees with whatever it says."""
        name = random.choice(sorted(self.pictures))
        data = several(lambda data: mutate_bytes(data, random), self.pictures[name], random)
        if name.startswith("png") and random.random() < 0.7:
            data = repair_png(data)
        header = self.messages[TOPICS.left_image].header
        kind = self.store.types["sensor_msgs/msg/CompressedImage"]
        image, reader = kind(header, name, np.frombuffer(data, np.uint8)), IMAGE_READERS["compressed"]

        def read() -> bool:
            size = reader.size(image)
            pixels = reader.read(image)
            assert pixels.shape == (*size, 3), "size of the header and of the picture"
            return True

        return read

    def cloud(self, random: Random) -> Attempt:
        """A sensor_msgs/PointCloud2, into a frame."""
        cloud = self._mutated(self.messages[TOPICS.points], random)
        return lambda: self._assemble(points=cloud)

    def camera_info(self, random: Random) -> Attempt:
        """One or both sensor_msgs/CameraInfo of a pair, into a frame."""
        left, right = self.messages[TOPICS.left_info], self.messages[TOPICS.right_info]
        left = self._mutated(left, random)
        if random.random() < 0.5:  # the same mistake in both
            right = replace(left, p=left.p - np.eye(3, 4, 3).reshape(12) * 10)
        return lambda: self._assemble(left_info=left, right_info=right)

    def odometry(self, random: Random) -> Attempt:
        """Two nav_msgs/Odometry around an image's stamp, into a frame."""
        sound = self.messages[TOPICS.odometry]
        near = [self._mutated(sound, random), sound]
        near[1] = replace(sound, header=self.encoder.header(STAMP + 10_000_000, sound.header.frame_id))
        return lambda: self._assemble(odometry=near)

    def transforms(self, random: Random) -> Attempt:
        """A tf2_msgs/TFMessage, into the place of a camera."""
        message = self._mutated(self.messages[TOPICS.tf_static], random)

        def read() -> bool:
            try:
                found = TransformTree([message]).lookup("velodyne", "camera")
            except LookupError:  # which `Transforms` turns into a drop
                return False
            assert poses.is_rigid(found)
            return True

        return read

    def semantic_grid(self, random: Random) -> Attempt:
        """An ssc_ros_msgs/SemanticVoxelGrid."""
        encoding = random.choice(list(Encoding))
        sound = self.store.deserialize_cdr(grid_encoder(self.encoder, encoding)(self.grid)[1], GRID)
        if encoding.compressed and random.random() < 0.02:  # megabytes in some bytes
            sound = self._bomb(sound, encoding, random)
        message = self._mutated(sound, random) if random.random() < 0.9 else sound
        return lambda: bool(decode(message).labels.size)

    def record(self, random: Random) -> Attempt:
        """Bytes of a message in a bag, into a message and what is made of it."""
        sound = random.choice(self.records)
        record = replace(sound, data=several(lambda data: mutate_bytes(data, random), sound.data, random))
        argument = {
            TOPICS.left_image: "left",
            TOPICS.right_image: "right",
            TOPICS.left_info: "left_info",
            TOPICS.right_info: "right_info",
            TOPICS.points: "points",
        }.get(sound.topic)

        def read() -> bool:
            message = self.reader.message(record)
            if sound.topic == TOPICS.ground_truth:
                return bool(decode(message).labels.size)
            return self._assemble(**{argument: message}) if argument else True

        return read

    def parameters(self, random: Random) -> Attempt:
        """Values of the node's parameters."""
        values = {name: _plain(TABLE[name].default) for name in random.sample(sorted(TABLE), 3)}
        values = mutate_json(values, random)
        if not isinstance(values, dict):
            values = dict(zip(TABLE, [values] * 2, strict=False))
        return lambda: bool(Settings.from_values(values))

    def parameter_file(self, random: Random) -> Attempt:
        """A YAML file."""
        return self._of_file("robot.yaml", mutate_text(self.configuration, random), read_sections)

    def calibration_file(self, random: Random) -> Attempt:
        """A calib.txt."""
        content = mutate_text(self.calibration, random)
        return self._of_file("calib.txt", content, lambda path: read_stereo_calibration([path], SIZE))

    def checkpoint(self, random: Random) -> Attempt:
        """A safetensors file with a small tensor: its header, or the metadata in it."""
        metadata = self.metadata
        if random.random() < 0.6:
            metadata = json.dumps(several(lambda value: mutate_json(value, random), json.loads(metadata), random))
        tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        header: Any = {"__metadata__": {"format": FORMAT, "ssc_ros": metadata}, "weight": tensor}
        if random.random() < 0.3:
            header = mutate_json(header, random)
        text = json.dumps(header).encode()
        content = struct.pack("<Q", len(text)) + text + bytes(8)
        if random.random() < 0.3:
            content = mutate_bytes(content, random)
        return self._of_file("m.safetensors", content, read_metadata)

    def bag_file(self, random: Random) -> Attempt:
        """A file of a bag, through everything that reads bags."""
        storage = random.choice(sorted(self.bags))
        files = dict(self.bags[storage])
        name = random.choice(sorted(files))
        mutate = mutate_text if name.endswith(".yaml") else mutate_bytes
        text = files[name].decode() if name.endswith(".yaml") else files[name]
        files[name] = mutate(text, random)  # type: ignore[operator]

        def read() -> bool:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                for file, content in files.items():
                    (Path(folder) / file).write_bytes(content)
                for _ in BagSource(Path(folder)).records():
                    pass
                with open_bag_reader(Path(folder)) as bag:
                    truth = BagTruth(bag)
                    frames = BagFrames(bag, "velodyne", SETTINGS, warn=lambda text: None)
                    return all(frame.stamp in truth for frame in frames.frames())

        return read

    def _mutated(self, message: Any, random: Random) -> Any:
        return several(lambda message: mutate_message(self.store, message, random), message, random)

    def _of_file(self, name: str, content: bytes, read: Callable[[Path], object]) -> Attempt:
        def attempt() -> bool:
            path = self.folder / name
            path.write_bytes(content)
            return bool(read(path))

        return attempt

    def _assemble(self, odometry: list[Any] | None = None, **messages: Any) -> bool:
        """Build a frame as the node does; False if something was left out of it."""
        left_out: list[Any] = []
        transforms = Transforms("velodyne", TransformTree([]))
        assembler = FrameAssembler(SETTINGS, transforms, left_out.append)
        for message in odometry or ():
            assembler.take_odometry(message)
        sound = self.messages
        inputs = {
            "left": sound[TOPICS.left_image],
            "right": sound[TOPICS.right_image],
            "points": None,
            "left_info": sound[TOPICS.left_info],
            "right_info": sound[TOPICS.right_info],
        }
        frame = assembler(StereoSet(**(inputs | messages), arrival=0))
        assert frame.points is None or np.isfinite(frame.points).all(), "points that are nowhere"
        return not left_out

    def _bomb(self, message: Any, encoding: Encoding, random: Random) -> Any:
        from ssc_ros.messages.payload import zstd

        size = random.choice((256, 512, 1024))
        voxels = size * 256 * 64
        labels = zstd.compress(bytes(voxels // 8 if encoding.bitmask else voxels))
        empty = np.empty(0, np.uint8)
        return replace(
            message, size_x=size, size_y=256, size_z=64, labels=np.frombuffer(labels, np.uint8), confidence=empty
        )


GRID = "ssc_ros_msgs/msg/SemanticVoxelGrid"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
