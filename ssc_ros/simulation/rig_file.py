"""Reads a rig from a YAML file; config/rig.yaml explains each key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ssc_ros.core import SscError
from ssc_ros.simulation.rig_spec import CameraSpec, LidarSpec, RigSpec


class Key(NamedTuple):
    """A key of the file: smallest and largest value, its unit, whether it is a whole number, and whether it must be."""

    least: float
    most: float
    unit: str
    whole: bool = False
    required: bool = False

    @property
    def expectation(self) -> str:
        """What a value has to be."""
        return f"{'a whole number' if self.whole else 'a number'} from {self.least:g} to {self.most:g} [{self.unit}]"


_PLACE = Key(-5, 5, "m")
_HEIGHT = Key(0.1, 5, "m", required=True)
_SIZE = Key(64, 4096, "px", whole=True, required=True)

CAMERA = {
    "width": _SIZE,
    "height": _SIZE,
    "focal_length": Key(20, 20000, "px", required=True),
    "baseline": Key(0.01, 2, "m", required=True),
    "mount_height": _HEIGHT,
    "pitch": Key(-30, 30, "deg"),
    "roll": Key(-30, 30, "deg"),
    "forward": _PLACE,
    "left": _PLACE,
    "principal_x": Key(0, 4096, "px"),
    "principal_y": Key(0, 4096, "px"),
}
LIDAR = {
    "beams": Key(1, 256, "lasers", whole=True, required=True),
    "top": Key(-89, 89, "deg", required=True),
    "bottom": Key(-89, 89, "deg", required=True),
    "columns": Key(64, 8192, "measurements", whole=True, required=True),
    "mount_height": _HEIGHT,
    "forward": _PLACE,
    "left": _PLACE,
    "min_range": Key(0, 10, "m"),
    "max_range": Key(10, 120, "m"),
    "range_noise": Key(0, 0.5, "m"),
}
MONO = "mono"


def read_rig(path: Path) -> RigSpec:
    """Read a rig.

    Raises:
        SscError: the file cannot be read, or a key is missing, unknown or out of its range.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is no YAML ({error})"
        raise SscError(f"cannot read the rig {path}: {reason}; expected kitti, random, or a YAML file") from error
    sections = _table(content, {"camera", "lidar"}, f"{path}: the file")
    if "camera" not in sections:
        raise SscError(f"{path} has no section 'camera'; config/rig.yaml is an example")
    camera = _camera(sections["camera"], path)
    return RigSpec(camera, _lidar(sections["lidar"], path) if "lidar" in sections else None)


def _camera(content: Any, path: Path) -> CameraSpec:
    where = f"{path}: camera"
    table = _table(content, {*CAMERA, MONO}, where)
    mono = table.pop(MONO, False)
    if not isinstance(mono, bool):
        raise SscError(f"{where}.{MONO} is {mono!r}, expected true or false")
    return CameraSpec(**_numbers(table, CAMERA, where), mono=mono)


def _lidar(content: Any, path: Path) -> LidarSpec:
    where = f"{path}: lidar"
    lidar = LidarSpec(**_numbers(_table(content, set(LIDAR), where), LIDAR, where))
    if not lidar.bottom < lidar.top and lidar.beams > 1:
        raise SscError(f"{where}.bottom is {lidar.bottom:g}, expected less than {where}.top, {lidar.top:g} [deg]")
    return lidar


def _table(content: Any, known: set[str], where: str) -> dict[str, Any]:
    """Return a mapping with known keys only."""
    if not isinstance(content, dict):
        raise SscError(f"{where} is {content!r}, expected the keys {', '.join(sorted(known))}")
    unknown = [str(key) for key in content if key not in known]
    if unknown:
        raise SscError(f"{where} has unknown keys {', '.join(unknown)}; expected {', '.join(sorted(known))}")
    return dict(content)


def _numbers(table: dict[str, Any], keys: dict[str, Key], where: str) -> dict[str, Any]:
    """Return the numbers of a section, whole ones as int; keys without a value keep their default."""
    given = {name: value for name, value in table.items() if value is not None}
    for name, key in keys.items():
        if key.required and name not in given:
            raise SscError(f"{where}.{name} is missing, expected {key.expectation}")
    return {name: _number(value, keys[name], f"{where}.{name}") for name, value in given.items()}


def _number(value: Any, key: Key, where: str) -> float:
    numeric = isinstance(value, int if key.whole else (int, float)) and not isinstance(value, bool)
    if not numeric or not key.least <= value <= key.most:
        raise SscError(f"{where} is {value!r}, expected {key.expectation}")
    return int(value) if key.whole else float(value)
