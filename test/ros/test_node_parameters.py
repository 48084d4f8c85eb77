"""The node's parameters as other ROS programs see them."""

from __future__ import annotations

import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import Parameter

from ssc_ros.assembly.settings import TABLE

from .world import World


def test_a_request_for_all_parameters_at_once_gets_all_values(world: World) -> None:
    """As `ros2 param dump` asks; one parameter without a value would leave it with none."""
    world.start(activate=False, camera__extrinsics=None)
    answer = world.call(GetParameters, "ssc_node/get_parameters", GetParameters.Request(names=list(TABLE)))
    assert len(answer.values) == len(TABLE)
    values = dict(zip(TABLE, answer.values, strict=True))
    assert [name for name, value in values.items() if value.type == ParameterType.PARAMETER_NOT_SET] == []
    assert values["camera.extrinsics"].type == ParameterType.PARAMETER_DOUBLE_ARRAY
    assert list(values["camera.extrinsics"].double_array_value) == []


def test_a_parameter_that_waits_for_a_configure_says_so(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    node = world.start()
    node.set_parameters([Parameter("sync.slop", value=0.02), Parameter("waiting_frames", value=1)])
    assert "takes effect" not in capfd.readouterr().err  # at once, or no change
    node.set_parameters([Parameter("waiting_frames", value=3)])
    assert "waiting_frames: takes effect when the node is configured again" in capfd.readouterr().err
