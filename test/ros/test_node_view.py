"""What a running node publishes and reads reaches its view, over DDS."""

from __future__ import annotations

import threading

import numpy as np
import rclpy

from ssc_ros.messages.topics import TOPICS
from ssc_ros.ros.viewer import spin
from ssc_ros.viewing.messages import KINDS, MessageView, topics_to_view

from ..viewing.shown import ShownScene
from .rig import HEIGHT, T0, WIDTH
from .world import World


def test_grid_image_points_and_status_are_shown(world: World) -> None:
    scene, warnings, ended = ShownScene(), list[str](), threading.Event()
    view = MessageView(scene, "raw", warnings.append)
    node = rclpy.create_node("view", context=world.context)
    topics = topics_to_view(TOPICS, "ssc_node", "raw")
    thread = threading.Thread(target=spin, args=(node, topics, KINDS, view.take, warnings.append, ended.is_set))
    thread.start()
    try:
        world.start()
        world.connect_rig(points=True)
        stamp = T0
        for _ in range(50):  # until both sides of every topic have found each other
            world.rig.points(stamp, [(2.1, 0.1, -1.1)])
            world.rig.images(stamp)
            world.spin(0.2)
            if scene.grids and scene.images and scene.points and scene.statuses:
                break
            stamp += 100_000_000
        assert scene.images[0][1].shape == (HEIGHT, WIDTH, 3)
        assert np.allclose(scene.points[-1][1], [[2.1, 0.1, -1.1]])
        assert scene.grids[-1].grid == world.grid
        assert scene.statuses[-1][2] == 0
        assert warnings == []
    finally:
        ended.set()
        thread.join(10)
        node.destroy_node()
