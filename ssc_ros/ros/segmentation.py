"""The branch that publishes the points of sweeps with their classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import PointCloud2

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.statistics import Latencies
from ssc_ros.assembly.sweep_labeller import SweepLabeller
from ssc_ros.assembly.watchdog import explain_no_sweeps
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.stamps import header_stamp
from ssc_ros.ros.branch import Branch, Host
from ssc_ros.ros.health import diagnostics
from ssc_ros.ros.outputs.messages import semantic_cloud
from ssc_ros.ros.outputs.publishers import offer
from ssc_ros.ros.ports import Segmenter
from ssc_ros.ros.qos import LATEST
from ssc_ros.ros.stereo_input import POINTS_TOPIC

TOPIC = "~/points_semantic"


class Segmentation(Branch):
    """Publishes the points of each sweep with their classes, in a thread of its own."""

    result, results, awaited = "labelled sweep", "labelled sweeps", "point clouds"

    def __init__(self, host: Host, settings: Settings, segmenter: Segmenter, labeller: SweepLabeller) -> None:
        """Connect the branch.

        Args:
            host: the node.
            settings: the current ones.
            segmenter: the network.
            labeller: asks the network, once for each sweep.
        """
        super().__init__(host, settings, segmenter)
        self._labeller = labeller
        self._publisher = offer(host.node, host.qos_watch, PointCloud2, TOPIC, LATEST)
        host.undo.callback(host.node.destroy_publisher, self._publisher)
        self._input = host.subscriptions.listen(
            PointCloud2, POINTS_TOPIC, self.work([self._publish], 1, "segmentation")
        )

    @property
    def topics(self) -> Sequence[str]:
        """Resolved name of the output."""
        return [str(self._publisher.topic_name)]

    def forget(self) -> None:
        """Forget what was sensed before, because time or place jumped."""
        self._labeller.forget()

    def restart(self) -> None:
        """Count from zero, as after activation."""
        super().restart()
        self._labeller.latency = Latencies()

    def describe(self) -> Iterator[str]:
        """Say what the branch does and with what."""
        yield f"points get classes from {self.network.metadata.model_id}"

    def statuses(self, lost: Sequence[Drop]) -> Iterator[DiagnosticStatus]:
        """Return rate, latency and drops of the labelled sweeps."""
        complaint = "dropping: " + ", ".join(reason.value for reason in lost) if lost else ""
        values = {
            **diagnostics.quantiles("network", self._labeller.latency),
            "model": self.network.metadata.model_id,
            **{f"dropped as {reason.value}": count for reason, count in self.drops.counts().items()},
        }
        yield diagnostics.results_status("segmentation", self, complaint, values)

    def explain_silence(self, drops: Mapping[Drop, int]) -> str:
        """Say why there is no labelled sweep, of what was dropped since the last look."""
        state = self.host.subscriptions.state(self._input, "sweeps")
        return explain_no_sweeps(state, drops, self.drops.explanations())

    def _publish(self, message: Any) -> None:
        """Publish one sweep; whatever goes wrong costs this sweep only."""
        if not (self.settings.always_run or self._publisher.get_subscription_count()):
            self.skipped += 1
            return
        try:
            sweep = self._labeller(message)
            cloud = semantic_cloud(message, sweep.cloud, sweep.labels, self.network.metadata.label_set)
            self._publisher.publish(cloud)
        except UnusableInput as error:
            self.drops.explain(error)
            return
        self.latency.add((self.host.now() - header_stamp(message)) / 1e9)
        self.published.tick()
