"""The node's parameters as other ROS programs see them."""

from __future__ import annotations

from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters

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
