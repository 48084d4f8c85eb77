"""How a camera is mounted above the ground, from the disparities of the road in front of it.

A plane n . X = h in front of a pinhole camera has the disparity d(u, v) = (f b / h) n' K^-1 (u, v, 1)', which is linear
in the pixel (Labayrade et al., Real time obstacle detection by "v-disparity", IV 2002, for both axes). Disparities err
by the same amount everywhere, so that a straight fit of them weighs near and far ground as it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import StereoRig, poses

TRIALS = 400
"""Planes through three random pixels that are tried for each frame."""

TOLERANCE = 0.75
"""How far a disparity may be off the ground's [px of the full image]; semi-global matching errs by a third of it."""

STEEPEST = np.radians(30)
"""Largest angle between the ground and a level one, as the camera would see it if it looked straight ahead."""

HEIGHTS = 0.1, 5.0
"""Lowest and highest camera that is believed [m]."""

SAMPLE, JURY = 20_000, 2_000
"""Pixels that planes are fitted to, of those that may show the ground, and those that choose among the tried planes;
more change nothing but the time."""

FEWEST = 0.1
"""Part of the matched pixels below the horizon that has to lie on the ground."""

HEIGHT_TOLERANCE, TILT_TOLERANCE = 0.15, np.radians(1.0)
"""How far a mount may be off the one that the extrinsics describe [m, rad]: a network's scores suffer from more."""

NEAREST, FARTHEST = 1.0, 25.0
"""Ground that is looked at [m]."""


@dataclass(frozen=True)
class Mount:
    """Where the ground is, as the left camera sees it.

    Attributes:
        height: of the camera's centre above the ground [m].
        pitch: how far the optical axis points down [rad].
        roll: how far the camera is turned to the right about its optical axis [rad].
        support: part of the matched pixels below the horizon that lies on the ground, 0..1.
        spread: median absolute deviation of height [m], pitch and roll [rad] between frames.
        frames: how many frames agree on it.
    """

    height: float
    pitch: float
    roll: float
    support: float
    spread: tuple[float, float, float] = (0.0, 0.0, 0.0)
    frames: int = 1

    def T_ground_camera(self) -> NDArray[np.float64]:
        """Return (4, 4), left optical frame -> frame on the ground below it (x forward, y left, z up)."""
        return poses.of_camera(self.pitch, self.roll, np.array([0, 0, self.height]))

    def __str__(self) -> str:
        """Height and angles for people."""
        pitch, roll = np.degrees((self.pitch, self.roll))
        return f"{self.height:.2f} m above the ground, pitch {pitch:.1f} and roll {roll:.1f} degrees"


def mount_of(T_grid_camera: NDArray[np.float64], ground: float) -> Mount:
    """Return the mount that extrinsics describe.

    Args:
        T_grid_camera: (4, 4), left optical frame -> grid frame with z up.
        ground: height of the ground in the grid frame [m], `-GRID_HEIGHT` for the shipped networks.
    """
    return _mount(T_grid_camera[:3, :3].T @ np.array([0.0, 0.0, 1.0]), float(T_grid_camera[2, 3] - ground), 1.0)


def estimate_mount(disparity: NDArray[np.float32], rig: StereoRig, rng: np.random.Generator) -> Mount | None:
    """Find the ground in the disparities of one pair.

    Args:
        disparity: (h, w) float32 of the left image at any resolution, in pixels of the full image; NaN where unknown.
        rig: of the full image; its extrinsics are not looked at.
        rng: draws the pixels that planes are tried through.

    Returns:
        The mount, or None where no plane in front of the camera holds enough pixels.
    """
    small = rig.resized(*disparity.shape)
    focal_baseline = rig.camera_matrix[0, 0] * rig.baseline
    pixels, found = _candidates(disparity, small, focal_baseline, rng)
    if len(found) < 100:
        return None
    best = _most_agreed(pixels, found, small, focal_baseline, rng)
    if best is None:
        return None
    # least squares on those that agree, thrice, since each fit finds others
    nearest, farthest = focal_baseline / NEAREST, focal_baseline / FARTHEST
    for _ in range(3):
        expected = pixels @ best  # whose range is looked at: noise would choose its own of the measured ones
        near = (np.abs(expected - found) < TOLERANCE) & (expected > farthest) & (expected < nearest)
        if near.sum() < 3:
            return None
        best = np.asarray(np.linalg.lstsq(pixels[near], found[near], rcond=None)[0], np.float64)
    support = min(1.0, float(near.sum() / max(((found > farthest) & (found < nearest)).sum(), 1)))
    if support < FEWEST or not _plausible(best[None], small, focal_baseline)[0]:
        return None
    normal, height = _plane(best, small, focal_baseline)
    return _mount(normal, height, support)


def combine_mounts(mounts: Sequence[Mount]) -> Mount | None:
    """Return the median of the mounts of several frames, with their spread; None without any."""
    if not mounts:
        return None
    numbers = np.array([(m.height, m.pitch, m.roll, m.support) for m in mounts])
    middle = np.median(numbers, axis=0)
    spread = np.median(np.abs(numbers - middle), axis=0)
    height, pitch, roll, support = middle.tolist()
    return Mount(height, pitch, roll, support, (float(spread[0]), float(spread[1]), float(spread[2])), len(mounts))


def explain_disagreement(found: Mount, given: Mount, tilt: float = TILT_TOLERANCE) -> str:
    """Say in what a mount differs from the one that extrinsics describe; empty if they agree.

    Args:
        found: in the images; its spread counts as doubt.
        given: by the extrinsics.
        tilt: how far pitch and roll may be off [rad]; a short look at a street that is not level asks for more.
    """
    differences = (found.height - given.height, found.pitch - given.pitch, found.roll - given.roll)
    allowed = np.array((HEIGHT_TOLERANCE, tilt, tilt)) + found.spread
    if not (np.abs(differences) > allowed).any():
        return ""
    return (
        f"the images show the left camera {found}; the extrinsics say {given}: correct camera.extrinsics, or put the "
        "origin of the grid frame to the height that docs/own_camera.md shows"
    )


def _candidates(
    disparity: NDArray[np.float32], rig: StereoRig, focal_baseline: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels (N, 3) as (u, v, 1) that may show the ground, and their disparities (N,): those of the right distance."""
    near, far = focal_baseline / NEAREST + TOLERANCE, focal_baseline / FARTHEST - TOLERANCE
    # what lies above the camera, however it may be tilted, is no ground
    horizon = rig.camera_matrix[1, 2] - np.tan(STEEPEST) * rig.camera_matrix[1, 1]
    top = min(max(round(horizon), 0), len(disparity))
    places = np.flatnonzero((disparity[top:] > far) & (disparity[top:] < near))
    if len(places) > SAMPLE:
        places = places[rng.integers(len(places), size=SAMPLE)]
    v, u = np.divmod(places, disparity.shape[1])
    v += top
    found = disparity[v, u].astype(np.float64)
    return np.stack([u, v, np.ones_like(u)], axis=-1).astype(np.float64), found


def _most_agreed(
    pixels: NDArray[np.float64],
    found: NDArray[np.float64],
    rig: StereoRig,
    focal_baseline: float,
    rng: np.random.Generator,
) -> NDArray[np.float64] | None:
    """RANSAC (Fischler and Bolles, 1981): of planes (3,) through three pixels, the one that most others agree with."""
    chosen = rng.integers(len(found), size=(TRIALS, 3))
    corners = pixels[chosen]
    spanned = np.abs(np.linalg.det(corners)) > 1.0  # the others lie on a line
    planes = np.linalg.solve(corners[spanned], found[chosen[spanned]][..., None])[..., 0]
    planes = planes[_plausible(planes, rig, focal_baseline)]
    if not len(planes):
        return None
    some = slice(None, None, max(1, len(found) // JURY))
    agreeing = (np.abs(pixels[some] @ planes.T - found[some, None]) < TOLERANCE).sum(axis=0)
    return np.asarray(planes[agreeing.argmax()])


def _plane(
    coefficients: NDArray[np.float64], rig: StereoRig, focal_baseline: float
) -> tuple[NDArray[np.float64], float]:
    """Unit normal (3,) of the plane towards the camera in the optical frame, and the camera's height above it [m]."""
    scaled = rig.camera_matrix.T @ coefficients / focal_baseline  # the normal away from the camera, by the height
    length = float(np.linalg.norm(scaled))
    return -scaled / length, 1 / length


def _plausible(planes: NDArray[np.float64], rig: StereoRig, focal_baseline: float) -> NDArray[np.bool_]:
    """Which planes (N, 3) may be the ground under a camera that anyone mounts, as (N,) bool."""
    scaled = planes @ rig.camera_matrix / focal_baseline  # normals away from the camera, by the height
    length = np.linalg.norm(scaled, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        height, downwards = 1 / length, scaled[:, 1] / length
    return np.asarray((height >= HEIGHTS[0]) & (height <= HEIGHTS[1]) & (downwards > np.cos(STEEPEST)))


def _mount(up: NDArray[np.float64], height: float, support: float) -> Mount:
    """Angles of a camera that sees the upward direction (3,) in its optical frame (x right, y down, z forward)."""
    pitch = float(np.arcsin(np.clip(-up[2], -1, 1)))
    roll = float(np.arctan2(-up[0], -up[1]))
    return Mount(height, pitch, roll, support)
