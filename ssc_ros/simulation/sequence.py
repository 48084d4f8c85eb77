"""One simulated sequence on disk, in the SemanticKITTI layout; a function of seed, number, length and rig."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

import ssc_ros
from ssc_ros.core import SEMANTIC_KITTI, SEMANTIC_KITTI_GRID, SscError, poses
from ssc_ros.core.files import write_atomically
from ssc_ros.data.voxel_files import write_bits, write_labels
from ssc_ros.simulation import lidar
from ssc_ros.simulation.beams import HDL64E, LidarModel
from ssc_ros.simulation.camera import photograph
from ssc_ros.simulation.ground_truth import SCANS, Scan, voxel_truth
from ssc_ros.simulation.rig import Rig, kitti_rig
from ssc_ros.simulation.rig_spec import RigSpec
from ssc_ros.simulation.scene import Scene
from ssc_ros.simulation.terrain import Terrain
from ssc_ros.simulation.traffic import FRAME_PERIOD
from ssc_ros.simulation.world import VERSION, World

PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]
RECORD = "simulation.json"
AHEAD = ".ahead"
"""Folder of the sweeps that are not kept, while a sequence is being made: those beyond its end, and the survey."""
LIDAR, LEFT, RIGHT, SURVEY = range(4)
"""Streams of sensor noise."""
GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""How a sensor without colour filters weighs red, green and blue."""


class Sweep(NamedTuple):
    """A sweep to simulate.

    Attributes:
        model: the LiDAR.
        T_grid_lidar: (4, 4), frame of the LiDAR -> grid frame.
        stream: of noise.
        files: that get points and labels.
    """

    model: LidarModel
    T_grid_lidar: NDArray[np.float64]
    stream: int
    files: tuple[Path, Path]


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
        rig_spec: the rig; None is KITTI's, calibrated as for KITTI's sequence of the same number.
    """

    root: Path
    name: str
    seed: int
    frames: int
    voxel_step: int = 5
    images: str = "all"
    scans: int = SCANS
    rig_spec: RigSpec | None = None

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
        return range(self.frames) if self._is_complete else self.swept_frames

    @cached_property
    def rig(self) -> Rig:
        """The sensors."""
        return self.rig_spec.rig() if self.rig_spec else kitti_rig(int(self.name))

    @property
    def world(self) -> World:
        """The place."""
        return _world(self.seed, int(self.name), len(self.swept_frames))

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
        if self.rig_spec:
            settings["rig"] = asdict(self.rig_spec)
        record = self.path / RECORD
        found = json.loads(record.read_text()) if record.exists() else None
        if found != settings and self.path.exists() and any(self.path.iterdir()):
            differing = "not simulated"
            if found:
                differing = str({k: found.get(k) for k in {**found, **settings} if found.get(k) != settings.get(k)})
            raise SscError(
                f"{self.path} holds another sequence ({differing}) than the one asked for ({settings}); "
                "remove the folder, or give the same arguments to resume it"
            )
        write_atomically(record, (json.dumps(settings, indent=2) + "\n").encode())
        world, calibration = self.world, self.rig.calibration
        cameras = [world.grid_pose(i) @ poses.inverse(calibration.T_camera_grid) for i in range(self.frames)]
        rows = [(poses.inverse(cameras[0]) @ c)[:3].ravel() for c in cameras]
        write_atomically(self.path / "calib.txt", calibration.text().encode())
        write_atomically(self.path / "poses.txt", _table(rows))
        write_atomically(self.path / "times.txt", _table([np.array([i * FRAME_PERIOD]) for i in range(self.frames)]))

    def sense(self, frame: int) -> None:
        """Write the images, the sweeps and their labels of a frame, unless they are there."""
        sweeps, images = self._sweeps(frame), self._images(frame)
        if all(file.exists() for file in (*(file for sweep in sweeps for file in sweep.files), *images.values())):
            return
        scene, terrain = self.world.scene(frame)
        for sweep in sweeps:
            self._measure(sweep, scene, terrain, frame)
        if images:
            self._photograph(images, scene, terrain, frame)

    def _sweeps(self, frame: int) -> list[Sweep]:
        """Return the sweep of the rig, within the sequence, and of the survey, where ground truth still wants one."""
        if self.images == "left":
            return []
        rig, own = self.rig, frame < self.frames
        sweeps = [Sweep(rig.lidar, rig.T_grid_lidar, LIDAR, self._scan_files(frame))] if own or rig.surveys else []
        if not rig.surveys and not self._is_complete:
            sweeps.append(Sweep(HDL64E, np.eye(4), SURVEY, self._survey_files(frame)))
        return sweeps

    def _images(self, frame: int) -> dict[str, Path]:
        """Return the images of a frame by folder; none beyond the end, and where they are not wanted."""
        if frame >= self.frames or (self.images != "all" and frame not in self.chosen_frames):
            return {}
        folders = ("image_2", "semantic_2") if self.images == "left" else ("image_2", "image_3", "semantic_2")
        return {folder: self.file(folder, frame, ".png") for folder in folders}

    def _measure(self, sweep: Sweep, scene: Scene, terrain: Terrain, frame: int) -> None:
        """Write a sweep, its points in the grid frame."""
        pose = self.world.grid_pose(frame) @ sweep.T_grid_lidar
        points, labels = lidar.sweep(scene, terrain, sweep.model, pose, self._rng(frame, sweep.stream))
        points[:, :3] = poses.apply(sweep.T_grid_lidar, points[:, :3])
        write_atomically(sweep.files[0], points.tobytes())
        write_atomically(sweep.files[1], labels.astype("<u4").tobytes())

    def _photograph(self, files: dict[str, Path], scene: Scene, terrain: Terrain, frame: int) -> None:
        """Write the images that are wanted, and the semantic map of the left one."""
        world, rig, pose = self.world, self.rig, self.world.grid_pose(frame)
        cameras = ((rig.left, "image_2", LEFT), (rig.right, "image_3", RIGHT))
        for pinhole, folder, stream in (camera for camera in cameras if camera[1] in files):
            radiance, seen = photograph(scene, terrain, world.light, pinhole, pose)
            if rig.mono:
                radiance[:] = (radiance @ GREY)[..., None]
            image = world.film.develop(radiance, self._rng(frame, stream))
            write_atomically(files[folder], _png(image[..., 1] if rig.mono else image[..., ::-1]))
            if stream == LEFT:
                train = SEMANTIC_KITTI.train_from_raw_voxels(seen)
                write_atomically(files["semantic_2"], _png(train))

    def complete(self, frame: int) -> None:
        """Write the voxel ground truth of a frame whose scans are there, unless it is there."""
        files = self._voxel_files(frame)
        if all(file.exists() for file in files):
            return
        truth = voxel_truth(self._scans(frame), SEMANTIC_KITTI_GRID)
        write_bits(files[0], truth.measured)
        write_bits(files[1], truth.invalid)
        write_bits(files[2], truth.occluded)
        write_labels(files[3], truth.labels)

    def finish(self) -> None:
        """Remove the sweeps beyond the end, and what a killed process left half written."""
        shutil.rmtree(self.path / AHEAD, ignore_errors=True)
        for leftover in self.path.glob("*/.*"):
            leftover.unlink()

    def _voxel_files(self, frame: int) -> tuple[Path, ...]:
        return tuple(self.file("voxels", frame, suffix) for suffix in (".bin", ".invalid", ".occluded", ".label"))

    @property
    def _is_complete(self) -> bool:
        """Whether all ground truth is there."""
        return all(file.exists() for i in self.voxel_frames for file in self._voxel_files(i))

    def _scan_files(self, frame: int) -> tuple[Path, Path]:
        """Return the files of the rig's sweep."""
        ahead = "" if frame < self.frames else f"{AHEAD}/"
        return self.file(f"{ahead}velodyne", frame, ".bin"), self.file(f"{ahead}labels", frame, ".label")

    def _survey_files(self, frame: int) -> tuple[Path, Path]:
        """Return the files of the sweep that ground truth is made of."""
        if self.rig.surveys:
            return self._scan_files(frame)
        return self.file(f"{AHEAD}/velodyne", frame, ".bin"), self.file(f"{AHEAD}/labels", frame, ".label")

    def _scans(self, frame: int) -> list[Scan]:
        """Return the scans of a ground truth, the rig's own first."""
        survey = [self._scan(self._survey_files(i), i) for i in range(frame, frame + self.scans)]
        if self.rig.surveys:
            return survey
        return [self._scan(self._scan_files(frame), frame, self.rig.T_grid_lidar[:3, 3]), *survey]

    def _scan(self, files: tuple[Path, Path], frame: int, origin: NDArray[np.float64] | None = None) -> Scan:
        points, labels = np.fromfile(files[0], np.float32).reshape(-1, 4), np.fromfile(files[1], np.uint32)
        return Scan(points, labels, self.world.grid_pose(frame), np.zeros(3) if origin is None else origin)

    def _rng(self, frame: int, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, int(self.name), frame, stream])


@lru_cache(maxsize=1)
def _world(seed: int, sequence: int, frames: int) -> World:
    return World.drawn(seed, sequence, frames)


def _png(image: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", image, PNG)[1].tobytes()


def _table(rows: list[NDArray[np.float64]]) -> bytes:
    return "".join(" ".join(f"{v:.9e}" for v in row) + "\n" for row in rows).encode()
