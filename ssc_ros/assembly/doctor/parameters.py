"""The node's parameters as a file: the mount that was found, written and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ssc_ros.assembly.doctor.stereo import StereoExamination
from ssc_ros.assembly.settings import TABLE, Settings
from ssc_ros.assembly.settings_rules import pose_text
from ssc_ros.core import GRID_HEIGHT, SscError
from ssc_ros.core.files import write_atomically


def read_settings(path: Path | None, image_transport: str | None = None, *, rectify: bool = False) -> Settings:
    """Read a ROS parameter file; parameters that the node does not have are left out, as ROS does.

    Args:
        path: the file; None: all parameters have their defaults.
        image_transport: stands in for the file's; None does not.
        rectify: the images are raw, whatever the file says.

    Raises:
        SscError: no parameter file, or a value that is not allowed.
    """
    settings = Settings() if path is None else Settings.from_values(_values(path))
    transport = image_transport or settings.image_transport
    return replace(settings, image_transport=transport, rectify=rectify or settings.rectify)


def _values(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        groups = [node["ros__parameters"] or {} for node in (content or {}).values()]
        values = {name: value for group in groups for name, value in _flat(group)}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise SscError(f"cannot read the parameter file {path}: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise SscError(f"{path} is no ROS parameter file: expected '/**:', below it 'ros__parameters:'") from error
    return {name: value for name, value in values.items() if name in TABLE}


def parameter_text(examination: StereoExamination, settings: Settings) -> str:
    """Return a parameter file with which the node can be started.

    Args:
        examination: of the cameras.
        settings: with what the images were read.

    Raises:
        SscError: the mount is not known, so that there is nothing to write.
    """
    pose = examination.T_grid_reference
    if pose is None:
        raise SscError("no parameters are written, because the mount was not found; mend what is wrong first")
    return (
        f"# Written by `ssc-ros doctor`: the left camera is {examination.mount}.\n"
        "# The grid frame is level, at the camera's place, with the ground "
        f"{GRID_HEIGHT} m below its origin (docs/own_camera.md).\n"
        "# Use: ssc-ros node --params-file FILE\n"
        "/**:\n"
        "  ros__parameters:\n"
        f"    image_transport: {settings.image_transport}\n"
        f"    rectify: {str(settings.rectify).lower()}\n"
        "    camera:\n"
        f"      extrinsics: {pose_text(pose)}\n"
    )


def require_free(path: Path, replace: bool) -> None:
    """Make sure that a file may be written.

    Raises:
        SscError: there is one already, and it is not to be replaced.
    """
    if path.exists() and not replace:
        raise SscError(f"{path} exists already; choose another file or replace it with --force")


def write_parameters(path: Path, text: str, replace: bool) -> None:
    """Write a parameter file.

    Raises:
        SscError: there is a file already and it is not to be replaced, or the folder cannot be written.
    """
    require_free(path, replace)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise SscError(f"cannot write {path}: {error.strerror}") from error


def _flat(group: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in group.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
