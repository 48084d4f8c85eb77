"""Stereo pairs of a level yard with a wall at its end, seen by a camera of a known mount."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from ssc_ros.core import StereoRig
from ssc_ros.inference.mount import Mount

Image = NDArray[np.uint8]

WALL = 15.0
"""Distance of the wall [m]."""


@dataclass(frozen=True)
class MadeRig:
    """A stereo camera above level ground.

    Attributes:
        mount: of the left camera; angles in radians.
        rig: its calibration; the grid frame is on the ground below it.
    """

    mount: Mount
    rig: StereoRig

    @staticmethod
    def of(height: float, pitch: float, roll: float, baseline: float = 0.2, focal: float = 350.0) -> MadeRig:
        """A camera of 640 x 400 pixels; angles in degrees."""
        mount = Mount(height, float(np.radians(pitch)), float(np.radians(roll)), 1.0)
        matrix = np.array([[focal, 0, 319.5], [0, focal, 199.5], [0, 0, 1]])
        return MadeRig(mount, StereoRig(matrix, baseline, (400, 640), mount.T_ground_camera()))

    def pair(self, along: float = 0.0) -> tuple[Image, Image]:
        """Left and right image (400, 640, 3) after `along` metres."""
        return self._render(0.0, along), self._render(self.rig.baseline, along)

    def projections(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """P (3, 4) of both cameras."""
        left = np.c_[self.rig.camera_matrix, np.zeros(3)]
        right = left.copy()
        right[0, 3] = -left[0, 0] * self.rig.baseline
        return left, right

    def write_calibration(self, folder: Path, unit: float = 1.0) -> list[Path]:
        """left.yaml and right.yaml as camera_calibration writes them, with lengths in another unit than metres."""
        files = []
        for side, p in zip(("left", "right"), self.projections(), strict=True):
            p[:, 3] /= unit
            content = {
                "image_width": self.rig.image_size[1],
                "image_height": self.rig.image_size[0],
                "camera_name": side,
                "distortion_model": "plumb_bob",
                "projection_matrix": {"rows": 3, "cols": 4, "data": p.reshape(12).tolist()},
            }
            files.append(folder / f"{side}.yaml")
            files[-1].write_text(yaml.safe_dump(content))
        return files

    def _render(self, right: float, along: float) -> Image:
        """Cut each pixel's ray with the ground and the wall, and look up what is painted there."""
        pose = self.rig.T_grid_camera
        centre = pose[:3, :3] @ [right, 0, 0] + pose[:3, 3]
        v, u = np.mgrid[: self.rig.image_size[0], : self.rig.image_size[1]]
        rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(self.rig.camera_matrix).T @ pose[:3, :3].T
        with np.errstate(divide="ignore"):
            to_ground = np.where(rays[..., 2] < 0, -centre[2] / rays[..., 2], np.inf)
            to_wall = (WALL - centre[0]) / rays[..., 0]
        on_ground = to_ground < to_wall
        points = centre + rays * np.where(on_ground, to_ground, to_wall)[..., None]
        painted = np.where(on_ground, _paint(points[..., 0] + along, points[..., 1], 1), _paint(*points.T[1:], 2).T)
        return np.repeat(painted[..., None], 3, axis=-1).astype(np.uint8)


def _paint(x: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Noise of several sizes at places [m], 40..215."""
    rng = np.random.default_rng(seed)
    total = np.zeros(x.shape)
    for pixels_per_metre in (3.0, 12.0, 40.0):
        noise = cv2.GaussianBlur(rng.uniform(-1, 1, (1024, 1024)).astype(np.float32), (0, 0), 1.5)
        noise /= noise.std()
        where = (np.float32(x * pixels_per_metre % 1023), np.float32(y * pixels_per_metre % 1023))
        total += cv2.remap(noise, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.clip(128 + 25 * total, 40, 215)


def distorted(image: Image, rig: StereoRig) -> Image:
    """The image of a lens with k1 = -0.3, as a driver sends it without rectification."""
    lens = np.array([0.3, 0.0, 0.0, 0.0])
    maps = cv2.initUndistortRectifyMap(
        rig.camera_matrix, lens, np.eye(3), rig.camera_matrix, rig.image_size[::-1], cv2.CV_32FC1
    )
    return np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)
