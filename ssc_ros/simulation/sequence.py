"""One simulated sequence on disk, in the SemanticKITTI layout; every file is a function of seed, number and length."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import ssc_ros
from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SscError, poses
from ssc_ros.core.files import write_atomically
from ssc_ros.data.voxel_files import write_bits, write_labels
from ssc_ros.simulation import lidar
from ssc_ros.simulation.calibration import PinholeCamera
from ssc_ros.simulation.camera import photograph
from ssc_ros.simulation.ground_truth import SCANS, Scan, voxel_truth
from ssc_ros.simulation.rig import Rig, kitti_rig
from ssc_ros.simulation.traffic import FRAME_PERIOD
from ssc_ros.simulation.world import VERSION, World

PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
RECORD = "simulation.json"
AHEAD = ".ahead"
"""Folder of the sweeps beyond the end of a sequence, while it is being made."""
LIDAR, LEFT, RIGHT = range(3)
"""Streams of sensor noise."""


@dataclass(frozen=True)
class SequenceJob:
    """A sequence to simulate.

    Attributes:
        root: the data set's folder; the sequence goes to root/sequences/NN.
        name: two digits.
        seed: with the name it determines everything.
        frames: length.
        voxel_step: frames from one voxel ground truth to the next.
        images: "all"; "voxels" for images of the frames with voxel ground truth only; or "left" for the left images of
            these frames, with their classes, and nothing else: neither sweeps nor voxels.
        scans: sweeps that a ground truth is made of, the current one included.
    """

    root: Path
    name: str
    seed: int
    frames: int
    voxel_step: int = 5
    images: str = "all"
    scans: int = SCANS

    @property
    def path(self) -> Path:
        """Folder of the sequence."""
        return self.root / "sequences" / self.name

    @property
    def chosen_frames(self) -> range:
        """Frames that get voxel ground truth or, of left images alone, an image."""
        return range(0, self.frames, self.voxel_step)

    @property
    def voxel_frames(self) -> range:
        """Frames with voxel ground truth."""
        return range(0) if self.images == "left" else self.chosen_frames

    @property
    def swept_frames(self) -> range:
        """Frames whose LiDAR the whole simulation needs: the sequence, and what completes its last ground truth."""
        return range(max(self.frames, self.chosen_frames[-1] + self.scans))

    @property
    def missing_frames(self) -> range:
        """Frames to go through with `sense`: no sweep beyond the end where the ground truth is complete."""
        if self.images == "left":
            return self.chosen_frames
        complete = all(file.exists() for i in self.voxel_frames for file in self._voxel_files(i))
        return range(self.frames) if complete else self.swept_frames

    @cached_property
    def rig(self) -> Rig:
        """The sensors; their calibration is borrowed from KITTI's sequence of the same number."""
        return kitti_rig(int(self.name))

    @property
    def world(self) -> World:
        """The place."""
        return _world(self.seed, int(self.name), len(self.swept_frames), self.rig.lidar.height)

    def file(self, folder: str, frame: int, suffix: str) -> Path:
        """Return the path of a file of a frame."""
        return self.path / folder / f"{frame:06d}{suffix}"

    def begin(self) -> None:
        """Write the files of the whole sequence; a folder of another simulation is left alone.

        Raises:
            SscError: the folder holds something else.
        """
        settings = {
            "simulator": f"ssc_ros {ssc_ros.__version__}, world {VERSION}", "seed": self.seed, "sequence": self.name,
            "frames": self.frames, "voxel_step": self.voxel_step, "images": self.images, "scans": self.scans,
        }  # fmt: skip
        record = self.path / RECORD
        found = json.loads(record.read_text()) if record.exists() else None
        if found != settings and self.path.exists() and any(self.path.iterdir()):
            differing = {k: v for k, v in (found or {}).items() if settings.get(k) != v} or "not simulated"
            raise SscError(
                f"{self.path} holds another sequence ({differing}) than the one asked for ({settings}); "
                "remove the folder, or give the same arguments to resume it"
            )
        write_atomically(record, (json.dumps(settings, indent=2) + "\n").encode())
        world, calibration = self.world, self.rig.calibration
        cameras = [world.lidar_pose(i) @ poses.inverse(calibration.T_camera_lidar) for i in range(self.frames)]
        rows = [(poses.inverse(cameras[0]) @ c)[:3].ravel() for c in cameras]
        write_atomically(self.path / "calib.txt", calibration.text().encode())
        write_atomically(self.path / "poses.txt", _table(rows))
        write_atomically(self.path / "times.txt", _table([np.array([i * FRAME_PERIOD]) for i in range(self.frames)]))

    def sense(self, frame: int) -> None:
        """Write what is wanted of the images, the sweep and their labels of a frame, unless it is there."""
        cameras = self._cameras(frame)
        wanted = {} if self.images == "left" else {"velodyne": ".bin", "labels": ".label"}
        wanted |= {folder: ".png" for _, folder, _ in cameras} | ({"semantic_2": ".png"} if cameras else {})
        files = {folder: self._sensed(folder, frame, suffix) for folder, suffix in wanted.items()}
        if all(file.exists() for file in files.values()):
            return
        world, rig = self.world, self.rig
        scene, terrain = world.scene(frame)
        pose = world.lidar_pose(frame)
        if "velodyne" in files:
            points, labels = lidar.sweep(scene, terrain, rig.lidar, pose, self._rng(frame, LIDAR))
            write_atomically(files["velodyne"], points.tobytes())
            write_atomically(files["labels"], labels.astype("<u4").tobytes())
        for pinhole, folder, stream in cameras:
            radiance, seen = photograph(scene, terrain, world.light, pinhole, pose)
            image = world.film.develop(radiance, self._rng(frame, stream))
            write_atomically(files[folder], _png(image[..., ::-1]))
            if stream == LEFT:
                train = SEMANTIC_KITTI.train_from_raw_voxels(seen)
                write_atomically(files["semantic_2"], _png(train))

    def complete(self, frame: int) -> None:
        """Write the voxel ground truth of a frame whose scans are there, unless it is there."""
        files = self._voxel_files(frame)
        if all(file.exists() for file in files):
            return
        truth = voxel_truth([self._scan(i) for i in range(frame, frame + self.scans)], SEMANTIC_KITTI_GRID)
        write_bits(files[0], truth.measured)
        write_bits(files[1], truth.invalid)
        write_bits(files[2], truth.occluded)
        write_labels(files[3], truth.labels)

    def finish(self) -> None:
        """Remove the sweeps beyond the end, and what a killed process left half written."""
        shutil.rmtree(self.path / AHEAD, ignore_errors=True)
        for leftover in self.path.glob("*/.*"):
            leftover.unlink()

    def _cameras(self, frame: int) -> tuple[tuple[PinholeCamera, str, int], ...]:
        """Return the cameras that take an image of a frame, each with its folder and its stream of noise."""
        left, right = (self.rig.left, "image_2", LEFT), (self.rig.right, "image_3", RIGHT)
        if self.images == "left":
            return (left,)
        wanted = frame < self.frames and (self.images == "all" or frame in self.chosen_frames)
        return (left, right) if wanted else ()

    def _voxel_files(self, frame: int) -> tuple[Path, ...]:
        return tuple(self.file("voxels", frame, suffix) for suffix in (".bin", ".invalid", ".occluded", ".label"))

    def _sensed(self, folder: str, frame: int, suffix: str) -> Path:
        return self.file(folder if frame < self.frames else f"{AHEAD}/{folder}", frame, suffix)

    def _scan(self, frame: int) -> Scan:
        points = np.fromfile(self._sensed("velodyne", frame, ".bin"), np.float32).reshape(-1, 4)
        labels = np.fromfile(self._sensed("labels", frame, ".label"), np.uint32)
        return Scan(points, labels, self.world.lidar_pose(frame))

    def _rng(self, frame: int, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, int(self.name), frame, stream])


@lru_cache(maxsize=1)
def _world(seed: int, sequence: int, frames: int, lidar_height: float) -> World:
    return World.drawn(seed, sequence, frames, lidar_height)


def _png(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image, PNG)[1].tobytes()


def _table(rows: list[NDArray[np.float64]]) -> bytes:
    return "".join(" ".join(f"{v:.9e}" for v in row) + "\n" for row in rows).encode()
