"""The node's states: what configure loads, what cleanup frees, and which parameters it takes when."""

from __future__ import annotations

import gc
import weakref

import rclpy
import rclpy.lifecycle
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState

from ssc_ros.assembly.settings import Settings
from ssc_ros_msgs.msg import SemanticVoxelGrid

from .rig import IMAGES, INFOS, SECOND, T0
from .tiny_networks import TinyCompleter
from .world import World


def transition(world: World, number: int) -> bool:
    """Ask the running node, as `ros2 lifecycle set` does."""
    request = ChangeState.Request(transition=Transition(id=number))
    return world.call(ChangeState, "ssc_node/change_state", request).success


def test_cleanup_frees_the_model_and_a_second_configure_works(world: World) -> None:
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    world.start(lidar__enabled=False, activate=False)
    assert transition(world, Transition.TRANSITION_CONFIGURE)
    model = weakref.ref(world.completer)
    world.connect_rig()
    world.rig.images(T0)
    world.spin(0.3)
    assert not grids  # an inactive node publishes nothing
    assert transition(world, Transition.TRANSITION_ACTIVATE)
    world.rig.images(T0)
    world.spin_until(lambda: grids)
    assert transition(world, Transition.TRANSITION_DEACTIVATE)
    assert transition(world, Transition.TRANSITION_CLEANUP)
    world.completer = None
    world.spin_until(lambda: gc.collect() >= 0 and model() is None, what="for the model to be freed")
    assert transition(world, Transition.TRANSITION_CONFIGURE)
    assert transition(world, Transition.TRANSITION_ACTIVATE)
    world.connect(*IMAGES, *INFOS)
    world.rig.infos(T0)
    world.spin(0.2)
    world.rig.images(T0 + SECOND)
    world.spin_until(lambda: len(grids) == 2)


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_node_unconfigured(world: World) -> None:
    def load(settings: Settings) -> TinyCompleter:
        raise OSError("disk on fire")

    node = world.start(load, activate=False)
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.FAILURE
    node._load_completer = world.load
    assert node.trigger_configure() == rclpy.lifecycle.TransitionCallbackReturn.SUCCESS


def test_parameters_are_checked_when_set(world: World) -> None:
    node = world.start()
    for name, value, why in (
        ("sync.slop", 2.0, "range"),
        ("grid.encoding", "png", "one of dense"),
        ("bev.min_height", 5.0, "below bev.max_height"),
        ("autostart", False, "read-only"),
    ):
        result = node.set_parameters([rclpy.Parameter(name, value=value)])[0]
        assert not result.successful, name
        assert why in result.reason
    assert node.set_parameters([rclpy.Parameter("sync.slop", value=0.03)])[0].successful
    assert node._parts.branches[0]._input._synchronizer.rules.slop == 30_000_000
    # what applies at the next configure is accepted, but does not disturb the running node
    assert node.set_parameters([rclpy.Parameter("lidar.frame_id", value="os_lidar")])[0].successful
    assert node._parts.settings.lidar.frame_id == ""
