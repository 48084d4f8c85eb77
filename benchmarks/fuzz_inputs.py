"""Sound inputs of every kind, as small as they may be: what the campaign of `fuzz.py` makes hostile ones of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SceneGrid, SemanticGrid, StereoRig, poses
from ssc_ros.core.resources import share_directory
from ssc_ros.inference.checkpoint import CheckpointMetadata
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.bag_writer import open_bag
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.grid_cdr import grid_encoder
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.typestore import load_typestore
from ssc_ros.systems import STEREO

SIZE = 12, 16
STAMP = 5_000_000_000
CAMERA = (0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5)


class SoundInputs:
    """One of every kind."""

    def __init__(self, folder: Path) -> None:
        """Write what has to be a file into a folder."""
        self.folder = folder
        self.store = load_typestore()
        self.encoder = MessageEncoder(self.store)
        rng = np.random.default_rng(0)
        self.left, self.right = rng.integers(0, 256, (2, *SIZE, 3), np.uint8)
        k = np.array([[20.0, 0, 8], [0, 20, 6], [0, 0, 1]])
        T_grid_camera = poses.from_quaternion(np.array(CAMERA[3:]), np.zeros(3))
        self.rig = StereoRig(k, 0.5, SIZE, T_grid_camera)
        self.points = rng.normal(0, 10, (6, 4)).astype(np.float32)
        scene = SceneGrid((0.0, -2.0, -2.0), 0.5, (6, 5, 4), "velodyne")
        labels = rng.integers(0, 20, scene.shape, np.uint8)
        self.grid = SemanticGrid(labels, scene, SEMANTIC_KITTI, STAMP, labels)
        self.records = self._sound_records()
        self.messages = {r.topic: self.store.deserialize_cdr(r.data, r.msgtype) for r in self.records}
        self.pictures = self._sound_pictures()
        self.bags = {storage: self._sound_bag(storage) for storage in ("mcap", "sqlite3")}
        # an open one, to read records of
        self.bag = open_bag_reader(folder / "mcap")
        self.reader = self.bag.__enter__()
        self.configuration = (share_directory() / "config" / "ssc_node.yaml").read_text()
        self.calibration = "".join(f"P{i}: 20 0 8 {-5 * i} 0 20 6 0 0 0 1 0\n" for i in range(4))
        spec = SEMANTIC_KITTI_GRID
        self.metadata = CheckpointMetadata("m", "l2cocc", "edge", "semantic_kitti", spec, (STEREO,)).to_json()

    def close(self) -> None:
        """Close the open bag."""
        self.bag.__exit__(None, None, None)

    def _sound_records(self) -> list[Record]:
        encode, rig = self.encoder, self.rig
        left_info, right_info = encode.camera_infos(STAMP, rig)
        # the grid frame's name, for transforms; one that needs parameters, for clouds
        static = {"camera": rig.T_grid_camera, "os1": np.eye(4)}
        contents = {
            TOPICS.tf_static: encode.transforms(STAMP, "velodyne", static),
            TOPICS.left_info: left_info,
            TOPICS.right_info: right_info,
            TOPICS.odometry: encode.odometry(STAMP, np.eye(4), "velodyne"),
            TOPICS.points: encode.point_cloud(STAMP, self.points, "os1"),
            TOPICS.left_image: encode.image(STAMP, self.left),
            TOPICS.right_image: encode.image(STAMP, self.right),
            TOPICS.ground_truth: grid_encoder(encode)(self.grid),
        }
        return [Record(STAMP, topic, *content) for topic, content in contents.items()]

    def _sound_pictures(self) -> dict[str, bytes]:
        written = {
            "jpeg": (".jpg", self.left, []),
            "jpeg progressive": (".jpg", self.left, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
            "png": (".png", self.left, []),
            "png 16": (".png", self.left.astype(np.uint16) * 257, []),
            "png rgba": (".png", np.concatenate([self.left, self.left[..., :1]], axis=-1), []),
            "png one bit": (".png", (self.left[..., 0] > 99).astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1]),
            "webp": (".webp", self.left, []),
            "bmp": (".bmp", self.left, []),
            "tiff": (".tiff", self.left, []),
        }
        return {name: cv2.imencode(*content)[1].tobytes() for name, content in written.items()}

    def _sound_bag(self, storage: str) -> dict[str, bytes]:
        path = self.folder / storage
        with open_bag(path, self.store, storage) as bag:
            for record in self.records:
                bag.write(record)
        return {file.name: file.read_bytes() for file in path.iterdir()}
