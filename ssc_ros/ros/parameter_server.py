"""The parameter table on a node: declared, validated when set, applied when it may be."""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from ssc_ros.assembly.settings import TABLE, Settings
from ssc_ros.assembly.settings_rules import Parameter, Rule
from ssc_ros.core import SscError

ROS_PARAMETERS = ("use_sim_time", "start_type_description_service", "qos_overrides.")


class ParameterServer:
    """Keeps the settings of a node."""

    def __init__(self, node: Node, apply: Callable[[Settings], None], waits: Callable[[list[str]], None]) -> None:
        """Declare every parameter.

        Args:
            node: without these parameters yet.
            apply: told the settings when one that applies at once has changed.
            waits: told the names of parameters that have changed and take effect at the next configure.

        Raises:
            SscError: a value from the command line or a file that is not allowed.
        """
        self._node = node
        self._apply = apply
        self._waits = waits
        for row in TABLE.values():
            _declare(node, row)
        self._running = self._values()
        Settings.from_values(self._running)
        node.add_on_set_parameters_callback(self._validate)
        node.add_post_set_parameters_callback(self._take)

    def configure(self) -> Settings:
        """The settings as they are now; those that wait for a configure take effect by this."""
        self._running = self._values()
        return Settings.from_values(self._running)

    def unknown(self) -> list[str]:
        """One sentence for each given parameter that does not exist, most likely mistyped."""
        names = [name for name in _overrides(self._node) if name not in TABLE and not name.startswith(ROS_PARAMETERS)]
        return [f"the parameter '{name}' does not exist and is ignored{_guess(name)}" for name in names]

    def _values(self) -> dict[str, Any]:
        parameters = {name: self._node.get_parameter_or(name, None) for name in TABLE}
        return {name: parameter.value for name, parameter in parameters.items() if _given(parameter)}

    def _validate(self, parameters: list[RosParameter]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters if p.name in TABLE and _given(p)}
        try:
            Settings.from_values(self._values() | changes)
        except SscError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take(self, parameters: list[RosParameter]) -> None:
        live = {
            p.name: p.value
            for p in parameters
            if p.name in TABLE and TABLE[p.name].rule.applies == "live" and _given(p)
        }
        later = [
            p.name
            for p in parameters
            if p.name in TABLE and TABLE[p.name].rule.applies == "configure" and self._running.get(p.name) != p.value
        ]
        if later:
            self._waits(later)
        if live:
            self._running |= live
            self._apply(Settings.from_values(self._running))


def _given(parameter: RosParameter | None) -> bool:
    return parameter is not None and parameter.type_ != RosParameter.Type.NOT_SET


def _declare(node: Node, row: Parameter) -> None:
    # an empty array has no type in Python: it is declared by its type, and then given its value with the type
    default = row.default if row.default != () else RosParameter.Type[row.kind.upper()]
    try:
        declared = node.declare_parameter(
            row.name, list(default) if isinstance(default, tuple) else default, _descriptor(row)
        )
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        row.parse(_overrides(node)[row.name].value)  # says it better
        raise SscError(str(error)) from error
    if not _given(declared):
        # one parameter without a value, and rclpy answers a request for all of them with nothing
        node.set_parameters([RosParameter(row.name, RosParameter.Type[row.kind.upper()], array("d"))])


def _overrides(node: Node) -> dict[str, RosParameter]:
    """What the command line and the files give; rclpy has no public way to see those that nobody declared."""
    return getattr(node, "_parameter_overrides", {})


def _descriptor(row: Parameter) -> ParameterDescriptor:
    rule = row.rule
    unit = f" [{rule.unit}]" if rule.unit else ""
    descriptor = ParameterDescriptor(
        description=f"{rule.text}{unit}", additional_constraints=rule.constraint, read_only=rule.applies == "start"
    )
    if row.kind == "double":
        descriptor.floating_point_range = _range(FloatingPointRange, rule)
    elif row.kind == "integer":
        descriptor.integer_range = _range(IntegerRange, rule)
    return descriptor


def _range(kind: type, rule: Rule) -> list[Any]:
    if rule.low is None or rule.high is None:
        return []
    number = float if kind is FloatingPointRange else int
    return [kind(from_value=number(rule.low), to_value=number(rule.high))]


def _guess(name: str) -> str:
    near = difflib.get_close_matches(name, TABLE, n=1)
    return f"; did you mean {near[0]}?" if near else ""
