"""Whether calibration and images are those of a rectified pair, and how the pair is mounted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.doctor.findings import Finding, wrong
from ssc_ros.core import GRID_HEIGHT, StereoRig, poses
from ssc_ros.inference.mount import Mount, combine_mounts, estimate_mount, explain_disagreement, mount_of
from ssc_ros.inference.pair_check import PairFindings, combine_findings, examine_pair
from ssc_ros.inference.stereo import StereoMatcher
from ssc_ros.messages.calibration import stereo_rig
from ssc_ros.messages.drops import UnusableInput

Image = NDArray[np.uint8]

TILT = np.radians(2.0)
"""How far pitch and roll of given extrinsics may be off what a few seconds show [rad]: real streets have slopes."""


@dataclass(frozen=True)
class StereoExamination:
    """What a pair of cameras is like.

    Attributes:
        findings: a line for each thing.
        mount: where the ground is; None if none was found, or if the pair is not fit to tell.
        rig: the calibration, in its own reference frame; None if there is no usable one.
    """

    findings: tuple[Finding, ...]
    mount: Mount | None = None
    rig: StereoRig | None = None

    @property
    def T_grid_reference(self) -> NDArray[np.float64] | None:
        """(4, 4), frame of the calibration -> a grid frame right above or below the left camera; None without mount.

        The grid frame is level, looks along the camera's heading, and has the ground `GRID_HEIGHT` below its origin.
        """
        if self.mount is None or self.rig is None:
            return None
        T_grid_left = self.mount.T_ground_camera()
        T_grid_left[2, 3] -= GRID_HEIGHT
        return T_grid_left @ poses.inverse(self.rig.T_grid_camera)

    @property
    def placed_rig(self) -> StereoRig:
        """The rig in the grid frame, where the mount is known, else where KITTI's LiDAR is."""
        assert self.rig is not None
        mount = self.mount or Mount(GRID_HEIGHT, 0.0, 0.0, 0.0)
        placed = replace(self, mount=mount).T_grid_reference
        assert placed is not None
        return replace(self.rig, T_grid_camera=placed @ self.rig.T_grid_camera)


def examine_calibration(left: Any, right: Any) -> StereoExamination:
    """Look at two camera_info.

    Args:
        left, right: sensor_msgs/CameraInfo of the rectified images, or what was read from files.
    """
    try:
        rig = stereo_rig(left, right, np.eye(4))
    except UnusableInput as error:
        return StereoExamination((wrong("calibration", str(error)),))
    height, width = rig.image_size
    text = f"{width} x {height}, focal length {rig.camera_matrix[0, 0]:.1f} px, baseline {rig.baseline:.4f} m"
    return StereoExamination((Finding("calibration", text),), rig=rig)


def examine_stereo(
    left: Any,
    right: Any,
    pairs: Iterable[tuple[Image, Image]],
    T_grid_reference: NDArray[np.float64] | None = None,
    matcher: StereoMatcher | None = None,
) -> StereoExamination:
    """Look at calibration and images.

    Args:
        left, right: camera_info of the rectified images.
        pairs: (H, W, 3) uint8 RGB of left and right.
        T_grid_reference: (4, 4), frame of the camera_info -> grid frame, which the images shall confirm; or None.
        matcher: finds disparities; None: at half size.
    """
    calibration = examine_calibration(left, right)
    rig = calibration.rig
    if rig is None:
        return calibration
    matcher = matcher or StereoMatcher(scale=0.5)
    seen: list[PairFindings] = []
    mounts: list[Mount] = []
    rng = np.random.default_rng(0)
    for images in pairs:
        for side, image in zip(("left", "right"), images, strict=True):
            if image.shape[:2] != rig.image_size:
                return StereoExamination((*calibration.findings, _wrong_size(side, image, rig)), rig=rig)
        disparity = matcher.disparity(*images)
        seen.append(examine_pair(*images, matcher, disparity))
        mount = estimate_mount(disparity, rig, rng)
        mounts += [mount] if mount else []
    combined = combine_findings(seen)
    if combined is None:
        return StereoExamination((*calibration.findings, wrong("stereo pair", "there is no pair of images")), rig=rig)
    pair = _describe_pair(combined)
    if not pair[0].ok:  # what it says of the ground would be as wrong
        return StereoExamination((*calibration.findings, *pair), rig=rig)
    found = combine_mounts(mounts)
    given = None if T_grid_reference is None else mount_of(T_grid_reference @ rig.T_grid_camera, -GRID_HEIGHT)
    return StereoExamination((*calibration.findings, *pair, _describe_mount(found, given, len(seen))), found, rig)


def _wrong_size(side: str, image: Image, rig: StereoRig) -> Finding:
    return wrong(
        "image size",
        f"the {side} image has {image.shape[1]} x {image.shape[0]} pixels, its calibration is for "
        f"{rig.image_size[1]} x {rig.image_size[0]}; use the calibration of the rectified images",
    )


def _describe_pair(pair: PairFindings) -> tuple[Finding, ...]:
    """The pair itself, and the exposure."""
    complaints = [text for text in pair.complaints() if text != pair.exposure]
    rows = "" if np.isnan(pair.row_offset) else f", rows {abs(pair.row_offset):.1f} px off each other"
    good = Finding("stereo pair", f"{pair.matched:.0%} of the pixels are matched{rows}")
    exposure = Finding("exposure", f"{pair.overexposed:.0%} of the pixels are white, {pair.underexposed:.0%} black")
    return (
        wrong("stereo pair", "; ".join(complaints)) if complaints else good,
        wrong("exposure", pair.exposure) if pair.exposure else exposure,
    )


def _describe_mount(found: Mount | None, given: Mount | None, frames: int) -> Finding:
    if found is None:
        return wrong(
            "mount",
            f"no ground is seen in {frames} frames: look where the lower half of the image shows level ground",
        )
    disagreement = "" if given is None else explain_disagreement(found, given, TILT)
    if disagreement:
        return wrong("mount", disagreement)
    height, pitch, roll = found.spread[0], *np.degrees(found.spread[1:])
    agrees = "" if given is None else "; the given extrinsics agree"
    return Finding(
        "mount",
        f"the left camera is {found}, +- {height:.2f} m, {pitch:.1f} and {roll:.1f} degrees in {found.frames} of "
        f"{frames} frames{agrees}",
    )
