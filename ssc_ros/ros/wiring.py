"""What a configured node consists of, and how it is put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rclpy.lifecycle import LifecycleNode

from ssc_ros.assembly.frames import lidar_mount
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.sweep_labeller import SweepLabeller
from ssc_ros.assembly.transforms import LiveTransformSource, Transforms
from ssc_ros.core import LIDAR, STEREO
from ssc_ros.ros.branch import Branch, Host
from ssc_ros.ros.completion import Completion
from ssc_ros.ros.health.monitor import Monitor
from ssc_ros.ros.mapping import Mapping
from ssc_ros.ros.outputs.publishers import ClassTable
from ssc_ros.ros.ports import Networks, Segmenter
from ssc_ros.ros.qos import QosWatch
from ssc_ros.ros.segmentation import Segmentation
from ssc_ros.ros.subscriptions import Subscriptions


@dataclass(frozen=True)
class Parts:
    """What exists while the node is configured.

    Attributes:
        branches: what the node does; the first one's network says which grid and classes the node has.
        subscriptions: the inputs of all branches.
        classes: the table of classes.
        undo: withdraws everything from ROS.
    """

    branches: Sequence[Branch]
    subscriptions: Subscriptions
    classes: ClassTable
    undo: ExitStack

    @property
    def topics(self) -> list[str]:
        """Resolved names of the outputs that others are expected to subscribe to."""
        return [*(topic for branch in self.branches for topic in branch.topics), self.classes.topic]

    @property
    def settings(self) -> Settings:
        """The current ones."""
        return self.branches[0].settings

    def restart(self) -> None:
        """Begin to listen, and count from zero."""
        self.classes.announce(self.branches[0].network.metadata.label_set)
        for branch in self.branches:
            branch.restart()
        self.subscriptions.active = True

    def pause(self) -> None:
        """Stop listening; nothing is published after this."""
        self.subscriptions.active = False
        for branch in self.branches:
            branch.pause()

    def forget(self) -> None:
        """Forget what was sensed, because time or place jumped."""
        for branch in self.branches:
            branch.forget()

    def reset(self) -> None:
        """Forget what was sensed and the calibration, as after a look at the cameras."""
        self.forget()
        self.subscriptions.forget()

    def apply(self, settings: Settings) -> None:
        """Use new settings, as far as they apply at once."""
        for branch in self.branches:
            branch.apply(settings)

    def save(self, directory: Path) -> list[Path]:
        """Write the newest result of each branch that has one, and return the files.

        Raises:
            OSError: the folder cannot be written.
        """
        return [path for branch in self.branches for path in branch.save(directory)]


def wire(
    node: LifecycleNode,
    networks: Networks,
    settings: Settings,
    source: LiveTransformSource,
    warn: Callable[[str], None],
) -> Parts:
    """Put a node together: one branch for each kind of network.

    Args:
        node: gets publishers, subscriptions and timers.
        networks: those that the settings name; at least one.
        settings: of the node.
        source: of transforms that the settings do not give.
        warn: logs a sentence.

    Raises:
        SscError: settings and networks that do not fit each other.
    """
    # the node's frame of reference is the grid of the network that leads
    grid_frame = settings.grid.frame_id or networks.leading.metadata.grid.frame_id
    transforms = Transforms(grid_frame, source)
    if _asks_for_transforms(settings, networks):
        source.listen()
    qos_watch = QosWatch(node, warn)
    subscriptions = Subscriptions(node, qos_watch)
    with ExitStack() as undo:
        undo.callback(subscriptions.destroy)
        classes = ClassTable(node, qos_watch)
        undo.callback(classes.destroy)
        host = Host(node, subscriptions, qos_watch, source, transforms, warn, undo)
        # points are labelled once, whichever branch asks first
        labeller = _labeller(networks.segmenter, transforms, settings) if networks.segmenter else None
        branches: list[Branch] = []
        if networks.completers:
            follower = Mapping(host, settings, networks.completers[0]) if settings.map.enabled else None
            branches.append(Completion(host, settings, networks.completers, labeller, follower))
            branches += [follower] if follower else []
        if networks.segmenter and labeller:
            branches.append(Segmentation(host, settings, networks.segmenter, labeller))
        # the monitor looks at all of it, so it is made last and goes first
        monitor = Monitor(node, branches, subscriptions, qos_watch)
        undo.callback(monitor.destroy)
        return Parts(branches, subscriptions, classes, undo.pop_all())


def _asks_for_transforms(settings: Settings, networks: Networks) -> bool:
    """Whether a sensor's place will be asked for: the parameters do not tell it, and a network reads the sensor.

    A pose that no network reads waits for nothing: its transform is asked for when it comes.
    """
    sensors = {sensor for network in networks.completers for sensor in network.metadata.inputs}
    reads_points = bool(networks.segmenter) or (LIDAR in sensors and settings.lidar.enabled)
    reads_poses = settings.odometry.enabled and any(network.history.count for network in networks.completers)
    return (
        (settings.camera.enabled and STEREO in sensors and not settings.camera.extrinsics)
        or (reads_points and not settings.lidar.extrinsics)
        or (reads_poses and not settings.odometry.extrinsics)
    )


def _labeller(segmenter: Segmenter, transforms: Transforms, settings: Settings) -> SweepLabeller:
    return SweepLabeller(
        lambda points: segmenter.segment(points).labels,
        segmenter.metadata.label_set,
        partial(transforms.of, lidar_mount(settings)),
    )
