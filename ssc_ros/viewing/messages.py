"""What the node publishes and reads, message by message, to be looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SemanticGrid, SscError
from ssc_ros.messages.bag_reader import BagReader
from ssc_ros.messages.clouds import read_cloud
from ssc_ros.messages.codec import decode
from ssc_ros.messages.drops import UnusableInput
from ssc_ros.messages.images import IMAGE_READERS
from ssc_ros.messages.point_records import SEMANTIC_POINT
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.messages.topics import Topics

KINDS = {
    "grid": "SemanticVoxelGrid",
    "left_image": "Image",
    "points": "PointCloud2",
    "points_semantic": "PointCloud2",
    "status": "Status",
}
"""Kind of message of everything that can be shown."""


class Scene(Protocol):
    """Where it is shown: a `SceneLog`."""

    def add_grid(self, grid: SemanticGrid) -> None:
        """Show a grid."""

    def add_left_image(self, stamp: int, image: NDArray[np.uint8]) -> None:
        """Show the left image."""

    def add_points(self, stamp: int, points: NDArray[np.float32], colors: NDArray[np.uint8] | None = None) -> None:
        """Show points."""

    def add_status(self, stamp: int, latency: float, processing_time: float, drops: int) -> None:
        """Show how long a frame took, and the drops."""


def topics_to_view(topics: Topics, node: str, image_transport: str) -> dict[str, str]:
    """Return the topic of everything that can be shown, by the names of `KINDS`.

    Args:
        topics: names of the inputs.
        node: name of the node.
        image_transport: "raw" or "compressed".
    """
    outputs = {name: f"/{node.strip('/')}/{name}" for name in ("grid", "points_semantic", "status")}
    suffix = "/compressed" if image_transport == "compressed" else ""
    return outputs | {"left_image": topics.left_image + suffix, "points": topics.points}


class MessageView:
    """Shows messages; one that cannot be read is left out.

    Attributes:
        counts: how many messages of each kind were shown.
    """

    def __init__(self, scene: Scene, image_transport: str, warn: Callable[[str], None]) -> None:
        """Show nothing yet.

        Args:
            scene: where to.
            image_transport: "raw" or "compressed".
            warn: is told what cannot be shown, once for each text.
        """
        self.counts = dict.fromkeys(KINDS, 0)
        self._scene = scene
        self._read_image = IMAGE_READERS[image_transport].read
        self._warn = warn
        self._warned = set[str]()
        self._newest: SemanticGrid | None = None
        self._show = {
            "grid": self._show_grid,
            "left_image": self._show_image,
            "points": self._show_points,
            "points_semantic": self._show_points,
            "status": self._show_status,
        }

    def take(self, name: str, message: Any) -> None:
        """Show a message; `name` is one of `KINDS`."""
        try:
            self._show[name](message)
        except (UnusableInput, SscError) as error:
            self._complain(f"{name}: {error}")
        else:
            self.counts[name] += 1

    def _show_grid(self, message: Any) -> None:
        self._newest = decode(message)
        self._scene.add_grid(self._newest)

    def _show_image(self, message: Any) -> None:
        self._scene.add_left_image(header_stamp(message), self._read_image(message))

    def _show_points(self, message: Any) -> None:
        """Show a cloud whose frame is the grid's; those with classes in their colours, and then no others."""
        grid = self._newest
        if grid is None:
            return
        if message.header.frame_id != grid.grid.frame_id:
            raise SscError(f"points are in '{message.header.frame_id}', not in the grid's '{grid.grid.frame_id}'")
        cloud = read_cloud(message)
        names = tuple(field.name for field in message.fields)
        labelled = names == SEMANTIC_POINT.names and len(message.data) == len(cloud.placed) * SEMANTIC_POINT.itemsize
        if not labelled and self.counts["points_semantic"]:
            return
        colors = None
        if labelled:
            labels = np.frombuffer(message.data, SEMANTIC_POINT)["label"][cloud.placed]
            colors = grid.label_set.colors(labels)
        self._scene.add_points(header_stamp(message), cloud.points(np.eye(4))[:, :3], colors)

    def _show_status(self, message: Any) -> None:
        times = float(message.latency), float(message.processing_time)
        self._scene.add_status(header_stamp(message), *times, int(message.drops))

    def _complain(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)


def view_bag(bag: BagReader, view: MessageView, topics: dict[str, str], ground_truth: str) -> None:
    """Show everything in a bag.

    Args:
        bag: an open bag.
        view: where to.
        topics: see `topics_to_view`.
        ground_truth: topic of grids that are shown if the node has recorded none.

    Raises:
        SscError: the bag has none of these topics; the error lists those it has.
    """
    if topics["grid"] not in bag.types:
        topics = topics | {"grid": ground_truth}
    names = {topic: name for name, topic in topics.items() if topic in bag.types}
    if not names:
        bag.require(list(topics.values()))
    for record in bag.records(names):
        view.take(names[record.topic], bag.message(record))
