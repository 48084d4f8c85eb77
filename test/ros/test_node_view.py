"""What a running node publishes and reads reaches its view, over DDS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import rclpy

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.messages.topics import TOPICS
from ssc_ros.ros.viewer import spin
from ssc_ros.viewing.messages import KINDS, MessageView, topics_to_view

from ..viewing.shown import ShownScene
from .rig import HEIGHT, T0, WIDTH
from .tiny_networks import ROAD, TinySegmenter
from .world import World


@contextmanager
def shown(world: World) -> Iterator[ShownScene]:
    """What a view of the world's node shows; no message must be refused."""
    scene, warnings, ended = ShownScene(), list[str](), threading.Event()
    view = MessageView(scene, "raw", warnings.append)
    node = rclpy.create_node("view", context=world.context)
    topics = topics_to_view(TOPICS, "ssc_node", "raw")
    thread = threading.Thread(target=spin, args=(node, topics, KINDS, view.take, warnings.append, ended.is_set))
    thread.start()
    try:
        yield scene
        assert warnings == []
    finally:
        ended.set()
        thread.join(10)
        node.destroy_node()


def publish_until(world: World, condition: Callable[[], object]) -> None:
    """Publish frames until both sides of every topic have found each other."""
    for number in range(100):
        stamp = T0 + number * 100_000_000
        world.rig.points(stamp, [(2.1, 0.1, -1.1)])
        world.rig.images(stamp)
        world.spin(0.2)
        if condition():
            return
    raise AssertionError("something is not shown")


def test_grid_image_points_and_status_are_shown(world: World) -> None:
    with shown(world) as scene:
        world.start()
        world.connect_rig(points=True)
        publish_until(world, lambda: scene.grids and scene.images and scene.points and scene.statuses)
    assert scene.images[0][1].shape == (HEIGHT, WIDTH, 3)
    stamp, points, colors = scene.points[-1]
    assert stamp >= T0
    assert np.allclose(points, [[2.1, 0.1, -1.1]])
    assert colors is None
    assert scene.grids[-1].grid == world.grid
    _, _, processing_time, drops = scene.statuses[-1]
    assert 0 < processing_time < 10
    assert drops == 0


def test_points_that_the_node_has_labelled_are_shown_in_the_colours_of_their_classes(world: World) -> None:
    with shown(world) as scene:
        world.start(segmenter=TinySegmenter())
        world.connect_rig(points=True)
        publish_until(world, lambda: [colors for _, _, colors in scene.points if colors is not None])
    (colors, *_) = [colors for _, _, colors in scene.points if colors is not None]
    assert colors.tolist() == [list(SEMANTIC_KITTI.palette[ROAD])]
