"""What a parameter of the node is: a type, a default, a meaning and the values that it takes."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, StereoRig, poses

Value = bool | int | float | str | tuple[float, ...] | tuple[str, ...]
Applies = Literal["start", "configure", "live"]
"""When a new value takes effect: only at start (read-only), at the next configure, or at once."""

EXTRINSICS = "[x, y, z, qx, qy, qz, qw]"


@dataclass(frozen=True)
class Rule:
    """What a parameter means and which values it takes.

    Attributes:
        text: description.
        unit: of numbers; empty for none.
        low, high: inclusive range of numbers, or None.
        choices: the allowed strings; empty for any.
        pattern: regular expression that a string must match entirely; empty for any.
        pose: the array is a pose, `EXTRINSICS`, or empty for "not given".
        applies: when a new value takes effect.
    """

    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    pose: bool = False
    applies: Applies = "configure"

    def complaint(self, value: Value) -> str:
        """Why a value of the right type is not allowed; empty if it is."""
        if isinstance(value, float) and not math.isfinite(value):
            return "it is not a finite number"
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.low, self.high
            if (low is not None and value < low) or (high is not None and value > high):
                return f"it must be {self.constraint}"
        if self.choices and value not in self.choices:
            return f"it must be {self.constraint}"
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            return f"it must be {self.constraint}"
        if self.pose and isinstance(value, tuple) and value:
            return _pose_complaint(value)
        return ""

    @property
    def constraint(self) -> str:
        """The allowed values in words; empty if every one is."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.pattern:
            return self.pattern.replace("|", ", ").replace(r"\d+", "N")
        if self.pose:
            return f"{EXTRINSICS} or empty"
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        return ""


def _pose_complaint(value: tuple[Any, ...]) -> str:
    if len(value) != 7 or not all(math.isfinite(v) for v in value):
        return f"it must be seven finite numbers {EXTRINSICS}"
    norm = math.hypot(*value[3:])
    return "" if abs(norm - 1) < 1e-2 else f"its quaternion [qx, qy, qz, qw] has length {norm:.3g}, not 1"


def parameter(default: Any, text: str, **rule: Any) -> Any:
    """A dataclass field that is a parameter with this `Rule`."""
    return field(default=default, metadata={"rule": Rule(text, **rule)})


@dataclass(frozen=True)
class Parameter:
    """One row of the table.

    Attributes:
        name: with its group, such as "sync.slop".
        type: bool, int, float, str, or tuple[float, ...] / tuple[str, ...] for arrays.
        default: value if none is given.
        rule: meaning and allowed values.
    """

    name: str
    type: Any
    default: Value
    rule: Rule

    def parse(self, value: Any) -> Value:
        """The value as the table's type.

        Raises:
            SscError: a wrong type (a whole number is no float, as everywhere in ROS) or a value that is not allowed.
        """
        parsed: Any = tuple(value) if isinstance(value, list | tuple | array) else value
        element = {"bool": bool, "integer": int, "double": float, "string": str}[self.kind.removesuffix("_array")]
        items = parsed if isinstance(parsed, tuple) else (parsed,)
        is_array = isinstance(parsed, tuple)
        if is_array != self.kind.endswith("_array") or any(type(item) is not element for item in items):
            hint = f" (write {float(value)})" if element is float and type(value) is int else ""
            raise SscError(f"parameter {self.name} is {value!r}, expected {self.kind}{hint}")
        complaint = self.rule.complaint(parsed)
        if complaint:
            raise SscError(f"parameter {self.name} is {value!r}: {complaint}")
        checked: Value = parsed
        return checked

    @property
    def kind(self) -> str:
        """ROS name of the type."""
        names = {bool: "bool", int: "integer", float: "double", str: "string"}
        return names.get(self.type) or ("double_array" if self.type == tuple[float, ...] else "string_array")


def rows(group: type, prefix: str = "") -> Iterator[Parameter]:
    """The parameters of a settings dataclass, those of its nested groups under "group."."""
    hints = get_type_hints(group)
    for item in fields(group):
        name, kind = prefix + item.name, hints[item.name]
        if is_dataclass(kind):
            assert isinstance(kind, type)
            yield from rows(kind, f"{name}.")
        else:
            assert item.default is not MISSING
            yield Parameter(name, kind, item.default, item.metadata["rule"])


def build(group: type, values: Mapping[str, Value], prefix: str = "") -> Any:
    """A settings dataclass of parsed values by full name; what is missing keeps its default."""
    hints = get_type_hints(group)
    arguments: dict[str, Any] = {}
    for item in fields(group):
        name = prefix + item.name
        if is_dataclass(hints[item.name]):
            arguments[item.name] = build(hints[item.name], values, f"{name}.")
        elif name in values:
            arguments[item.name] = values[name]
    return group(**arguments)


def extrinsics(rig: StereoRig) -> str:
    """Return the value of the node's parameter `camera.extrinsics` for a rig, as it is written in YAML."""
    return pose_text(rig.T_grid_camera)


def pose_text(pose: NDArray[np.float64]) -> str:
    """Return a transform (4, 4) as the value of a parameter that is a pose, as it is written in YAML."""
    numbers = (*pose[:3, 3], *poses.to_quaternion(pose))
    return f"[{', '.join(f'{number:.12f}' for number in numbers)}]"
