"""Pairs of image files with a calibration file: whether they are fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.doctor.findings import wrong
from ssc_ros.assembly.doctor.stereo import StereoExamination, examine_stereo
from ssc_ros.assembly.image_files import paired_files, read_pairs
from ssc_ros.assembly.settings import Settings
from ssc_ros.core import poses
from ssc_ros.data.files import read_image
from ssc_ros.messages.calibration_files import read_stereo_calibration
from ssc_ros.messages.drops import UnusableInput
from ssc_ros.messages.rectification import rectified


def examine_files(
    left: Path, right: Path, calibration: Sequence[Path], settings: Settings, frames: int
) -> StereoExamination:
    """Look at image files.

    Args:
        left, right: images, or folders of them.
        calibration: see `read_stereo_calibration`.
        settings: of the node: whether to rectify the images, and extrinsics that they shall confirm, if any.
        frames: how many pairs of a folder to look at.

    Raises:
        SscError: a file cannot be read.
    """
    pairs = spread(paired_files(left, right), frames)
    size = read_image(pairs[0][0]).shape
    infos = read_stereo_calibration(calibration, (size[0], size[1]))
    try:
        images = rectified(read_pairs(pairs), *infos, settings.rectify)
        return examine_stereo(*infos, images, given_extrinsics(settings))
    except UnusableInput as error:
        return StereoExamination((wrong("calibration", str(error)),))


def given_extrinsics(settings: Settings) -> NDArray[np.float64] | None:
    """Return the transform (4, 4), camera frame -> grid frame, that settings give; None if they give none."""
    pose = settings.camera.extrinsics
    return poses.from_quaternion(np.array(pose[3:]), np.array(pose[:3])) if pose else None


def spread(pairs: Sequence[tuple[Path, Path]], count: int) -> list[tuple[Path, Path]]:
    """Return at most so many pairs, at equal distances."""
    step = max(1, -(-len(pairs) // count))
    return list(pairs[::step])
