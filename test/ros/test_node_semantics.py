"""Class maps of another network, over DDS: they change the grid, and no grid is lost without them."""

from __future__ import annotations

from typing import Any

import pytest
import rclpy
import rclpy.lifecycle
from sensor_msgs.msg import Image

from ssc_ros.core import STEREO
from ssc_ros.messages.codec import decode
from ssc_ros_msgs.msg import SemanticVoxelGrid

from .rig import HEIGHT, SECOND, T0, WIDTH, header
from .tiny_networks import TinyCompleter
from .world import World

TOPIC = "segmentation/ids"
CITYSCAPES_BUILDING = 2


def map_message(stamp: int, label: int, encoding: str = "mono8", scale: int = 1) -> Image:
    """A map that says the same of every pixel."""
    size = {"mono8": 1, "16UC1": 2, "rgb8": 3}[encoding]
    message = Image(header=header(stamp, "camera"), encoding=encoding)
    message.height, message.width = HEIGHT // scale, WIDTH // scale
    message.step = message.width * size
    message.data = label.to_bytes(size, "little") * (message.width * message.height)
    return message


@pytest.fixture
def grids(world: World) -> list[Any]:
    """The grids of a node that listens to class maps, while a rig and a segmentation publish."""
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    start(world, semantics__grace_time=0.5)
    world.connect_rig()
    world.rig.advertise(TOPIC, Image)
    world.connect(TOPIC)
    return grids


def start(world: World, reads: bool = True, **parameters: Any) -> Any:
    completer = TinyCompleter(sensors=(STEREO,), reads_class_maps=reads)
    return world.start(lambda settings: completer, semantics__topic=TOPIC, **parameters)


def lowest(grid: Any) -> set[int]:
    """Classes of the lowest layer."""
    return set(decode(grid).labels[:, :, 0].ravel().tolist())


@pytest.mark.parametrize(("encoding", "scale"), [("mono8", 1), ("16UC1", 2)])
def test_a_map_that_says_building_everywhere_changes_the_grid(
    world: World, grids: list[Any], encoding: str, scale: int
) -> None:
    world.rig.images(T0)
    world.rig.publish(TOPIC, map_message(T0 + SECOND // 200, CITYSCAPES_BUILDING, encoding, scale))
    world.spin_until(lambda: grids)
    assert lowest(grids[0]) == {world.building}
    assert world.drops == {}


def test_a_map_that_does_not_come_costs_no_grid(world: World, grids: list[Any]) -> None:
    world.rig.images(T0)  # its map never comes
    world.spin_until(lambda: grids)
    world.rig.images(T0 + SECOND)
    world.rig.publish(TOPIC, map_message(T0 + SECOND, CITYSCAPES_BUILDING))
    world.spin_until(lambda: len(grids) == 2)
    assert [lowest(grid) for grid in grids] == [{world.road}, {world.building}]
    assert world.drops == {"map_late": 1}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"label": CITYSCAPES_BUILDING, "encoding": "rgb8"}, "map_encoding"),
        ({"label": 77}, "map_labels"),
    ],
)
def test_a_map_that_cannot_be_used_is_counted_and_costs_no_grid(
    world: World, grids: list[Any], message: dict[str, Any], reason: str
) -> None:
    world.rig.images(T0)
    world.rig.publish(TOPIC, map_message(T0, **message))
    world.spin_until(lambda: grids)
    assert lowest(grids[0]) == {world.road}
    assert world.drops == {reason: 1}


def test_a_network_that_has_no_use_for_maps_does_not_listen_to_them(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    start(world, reads=False)
    world.connect_rig()
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert world.client.count_subscribers(TOPIC) == 0
    assert world.drops == {}


def test_a_label_map_that_cannot_be_read_refuses_the_configuration(world: World) -> None:
    node = start(world, activate=False, semantics__label_map="cityscape")
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.FAILURE
    assert node.set_parameters([rclpy.Parameter("semantics.label_map", value="ade20k")])[0].successful
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS
