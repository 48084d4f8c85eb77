"""Rigs drawn at random: common stereo cameras and LiDARs, mounted anywhere from a small robot to a van."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssc_ros.simulation.rig_spec import CameraSpec, LidarSpec, RigSpec

STREAM = 5
"""Of the randomness of a place; the world takes 0 to 4."""
HEIGHTS = 0.4, 2.2
"""Of the camera above the ground [m]."""
TILT = 4.0
"""Largest pitch and roll [deg]."""
BASELINES = 0.05, 0.6
"""Drawn evenly in their logarithm, since short ones are common [m]."""
ABOVE, BEHIND = (0.05, 0.4), (0.0, 0.6)
"""Where the LiDAR is, from the left camera [m]."""


class CameraKind(NamedTuple):
    """Stereo cameras of one resolution.

    Attributes:
        width, height: of an image [px].
        fields: least and largest horizontal field of view after rectification [deg].
        mono: chance of grey images.
        weight: how often it is drawn, of the sum of all.
    """

    width: int
    height: int
    fields: tuple[float, float]
    mono: float
    weight: float


CAMERAS = (
    CameraKind(1241, 376, (79.0, 84.0), 0.2, 4),  # KITTI
    CameraKind(1408, 376, (100.0, 105.0), 0.2, 2),  # KITTI-360
    CameraKind(1280, 720, (84.0, 102.0), 0.2, 2),  # ZED, 720p
    CameraKind(848, 480, (86.0, 92.0), 1.0, 4),  # RealSense D435 and D455, infrared
    CameraKind(640, 480, (74.0, 80.0), 1.0, 2),  # RealSense D435, infrared
    CameraKind(640, 400, (69.0, 74.0), 1.0, 4),  # OAK-D
    CameraKind(672, 376, (84.0, 102.0), 0.2, 4),  # ZED, VGA
    CameraKind(1920, 1200, (71.0, 105.0), 0.2, 0.5),  # ZED X with lenses of 4 or 2.2 mm; takes the longest
)


class LidarKind(NamedTuple):
    """A spinning LiDAR; see `LidarSpec`, whose units these are."""

    beams: int
    top: float
    bottom: float
    columns: int
    min_range: float
    range_noise: float


LIDARS = (
    LidarKind(16, 15.0, -15.0, 1800, 1.0, 0.015),  # Velodyne VLP-16
    LidarKind(32, 10.67, -30.67, 2170, 1.0, 0.012),  # Velodyne HDL-32E
    LidarKind(32, 22.5, -22.5, 1024, 0.5, 0.02),  # Ouster OS1-32
    LidarKind(64, 2.0, -24.8, 2000, 1.5, 0.012),  # Velodyne HDL-64E, nearly
    LidarKind(64, 22.5, -22.5, 1024, 0.5, 0.02),  # Ouster OS1-64
    LidarKind(128, 22.5, -22.5, 1024, 0.5, 0.02),  # Ouster OS1-128
    LidarKind(128, 15.0, -25.0, 1800, 1.0, 0.015),  # Velodyne VLS-128, nearly
)


def random_rig(seed: int, sequence: int) -> RigSpec:
    """Draw the rig of a journey; it is a function of the seed and of the sequence's number alone."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, sequence], spawn_key=(STREAM,)))
    camera = _draw_camera(rng)
    return RigSpec(camera, _draw_lidar(rng, camera))


def _draw_camera(rng: np.random.Generator) -> CameraSpec:
    weights = np.array([kind.weight for kind in CAMERAS])
    kind = CAMERAS[rng.choice(len(CAMERAS), p=weights / weights.sum())]
    baseline = _rounded(np.exp(rng.uniform(*np.log(BASELINES))))
    return CameraSpec(
        width=kind.width,
        height=kind.height,
        focal_length=_rounded(kind.width / 2 / np.tan(np.radians(rng.uniform(*kind.fields)) / 2)),
        baseline=baseline,
        mount_height=_rounded(rng.uniform(*HEIGHTS)),
        pitch=_rounded(rng.uniform(-TILT, TILT)),
        roll=_rounded(rng.uniform(-TILT, TILT)),
        forward=_rounded(rng.uniform(0.0, 0.6)),
        left=_rounded(baseline / 2),  # the middle of the pair is the middle of the vehicle
        principal_x=_rounded(kind.width * rng.uniform(0.48, 0.52)),
        principal_y=_rounded(kind.height * rng.uniform(0.48, 0.52)),
        mono=bool(rng.random() < kind.mono),
    )


def _draw_lidar(rng: np.random.Generator, camera: CameraSpec) -> LidarSpec:
    beams = rng.choice(sorted({kind.beams for kind in LIDARS}))
    kinds = [kind for kind in LIDARS if kind.beams == beams]
    kind = kinds[rng.integers(len(kinds))]
    return LidarSpec(
        beams=kind.beams,
        top=kind.top,
        bottom=kind.bottom,
        columns=kind.columns,
        mount_height=_rounded(camera.mount_height + rng.uniform(*ABOVE)),
        forward=_rounded(camera.forward - rng.uniform(*BEHIND)),
        min_range=kind.min_range,
        range_noise=kind.range_noise,
    )


def _rounded(value: float) -> float:
    """Return a number of four decimals, which is read easily in simulation.json and means the same rig."""
    return round(float(value), 4)
