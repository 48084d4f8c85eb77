"""Pairs of image files with a calibration file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ssc_ros.assembly.doctor.findings import wrong
from ssc_ros.assembly.doctor.stereo import Image, StereoExamination, examine_stereo
from ssc_ros.assembly.settings import Settings
from ssc_ros.core import SscError, poses
from ssc_ros.data.files import read_image
from ssc_ros.messages.calibration_files import read_stereo_calibration
from ssc_ros.messages.drops import UnusableInput
from ssc_ros.messages.rectification import rectified

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def paired_files(left: Path, right: Path) -> list[tuple[Path, Path]]:
    """Return the pairs of two files, or of two folders, sorted by name.

    Raises:
        SscError: files are missing, or the folders do not hold as many images.
    """
    if left.is_dir() != right.is_dir():
        raise SscError(f"one of {left} and {right} is a folder, the other is not")
    if not left.is_dir():
        return [(left, right)]
    lefts, rights = (
        sorted(file for file in side.iterdir() if file.suffix.lower() in SUFFIXES) for side in (left, right)
    )
    if not lefts or len(lefts) != len(rights):
        raise SscError(
            f"{left} has {len(lefts)} images and {right} {len(rights)}; expected as many in each, at least 1"
        )
    return list(zip(lefts, rights, strict=True))


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
    pose = settings.camera.extrinsics
    given = poses.from_quaternion(np.array(pose[3:]), np.array(pose[:3])) if pose else None
    try:
        return examine_stereo(*infos, rectified(read_pairs(pairs), *infos, settings.rectify), given)
    except UnusableInput as error:
        return StereoExamination((wrong("calibration", str(error)),))


def read_pairs(files: Sequence[tuple[Path, Path]]) -> Iterator[tuple[Image, Image]]:
    """Read pairs of images, one at a time.

    Raises:
        SscError: a file cannot be read.
    """
    for left, right in files:
        yield read_image(left), read_image(right)


def first_pair(left: Path, right: Path) -> tuple[Image, Image]:
    """Read the first pair of two files or folders.

    Raises:
        SscError: see `paired_files`, or an image is damaged.
    """
    return next(read_pairs(paired_files(left, right)[:1]))


def spread(pairs: Sequence[tuple[Path, Path]], count: int) -> list[tuple[Path, Path]]:
    """Return at most so many pairs, at equal distances."""
    step = max(1, -(-len(pairs) // count))
    return list(pairs[::step])
