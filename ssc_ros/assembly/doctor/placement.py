"""Where the camera is: as somebody said, or else as the images show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.doctor.bag import record_bag
from ssc_ros.assembly.doctor.files import examine_files, given_extrinsics
from ssc_ros.assembly.doctor.stereo import StereoExamination
from ssc_ros.assembly.settings import Settings
from ssc_ros.core import SscError, StereoRig, poses
from ssc_ros.messages.topics import Topics

FRAMES = 10
"""Pairs that are looked at."""

SECONDS = 5.0
"""How much of a bag is looked at [s]."""


def place_rig(
    left: Path, right: Path, calibration: Sequence[Path], settings: Settings, warn: Callable[[str], None]
) -> StereoRig:
    """Return the rig of image files in the grid frame.

    Args:
        left, right: images, or folders of them, rectified.
        calibration: see `read_stereo_calibration`.
        settings: of the node; extrinsics that they do not give are found in the images.
        warn: is told what is wrong with the images.

    Raises:
        SscError: a file cannot be read, the calibration is not usable, or the mount is neither given nor found.
    """
    examination = examine_files(left, right, calibration, settings, FRAMES)
    T_grid_reference = _mount(examination, given_extrinsics(settings), warn)
    assert examination.rig is not None  # there is no mount without
    return replace(examination.rig, T_grid_camera=T_grid_reference @ examination.rig.T_grid_camera)


def placed_settings(bag: Path, topics: Topics, settings: Settings, warn: Callable[[str], None]) -> Settings:
    """Return settings that say where the camera of a bag is.

    Args:
        bag: the bag.
        topics: names of the inputs in it.
        settings: of the node; extrinsics that neither they nor /tf_static give are found in the images.
        warn: is told what is wrong with the cameras.

    Raises:
        SscError: no bag, a damaged one, unusable cameras, or a mount that is neither given nor found.
    """
    recording = record_bag(bag, topics, settings, SECONDS, FRAMES)
    pose = _mount(recording.examine(), recording.given_extrinsics, warn)
    values = (*map(float, pose[:3, 3]), *map(float, poses.to_quaternion(pose)))
    return replace(settings, camera=replace(settings.camera, extrinsics=values))


def _mount(
    examination: StereoExamination, given: NDArray[np.float64] | None, warn: Callable[[str], None]
) -> NDArray[np.float64]:
    """(4, 4), frame of the calibration -> grid frame."""
    complaints = [f"{finding.what}: {finding.text}" for finding in examination.findings if not finding.ok]
    if examination.rig is None:
        raise SscError("; ".join(complaints))
    found = examination.T_grid_reference if given is None else given
    if found is None:
        raise SscError(
            f"where the camera is mounted is not known, and the images do not show it: {'; '.join(complaints)}. Mend "
            "this, or give a parameter file with camera.extrinsics (--params-file)"
        )
    for complaint in complaints:
        warn(complaint)
    return found
