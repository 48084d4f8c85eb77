"""A further branch is one class: what the node asks of it, on a branch that counts odometry messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.transforms import Transforms
from ssc_ros.core import SEMANTIC_KITTI, SceneGrid
from ssc_ros.messages.drops import Drop
from ssc_ros.ros.branch import Branch, Host
from ssc_ros.ros.health import diagnostics
from ssc_ros.ros.health.monitor import Monitor
from ssc_ros.ros.outputs.publishers import ClassTable
from ssc_ros.ros.qos import QosWatch
from ssc_ros.ros.subscriptions import Subscriptions
from ssc_ros.ros.tf import NoTransformSource
from ssc_ros.ros.wiring import Parts

GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (16, 16, 8), "base")


METADATA = SimpleNamespace(model_id="counter", grid=GRID, label_set=SEMANTIC_KITTI, inputs=("odometry",))
NETWORK = SimpleNamespace(metadata=METADATA, backend="none")


class Counting(Branch):
    """Counts odometry messages and writes the count into a file."""

    result, results, awaited = "count", "counts", "poses"
    topics = ()

    def __init__(self, host: Host, settings: Settings) -> None:
        super().__init__(host, settings, NETWORK)
        host.subscriptions.listen(Odometry, "odometry", self.work([self._count], 8, "counting"))

    def _count(self, message: Odometry) -> None:
        self.published.tick()

    def forget(self) -> None:
        self.forgotten = getattr(self, "forgotten", 0) + 1

    def describe(self) -> Iterator[str]:
        yield "it counts"

    def statuses(self, lost: Sequence[Drop]) -> Iterator[DiagnosticStatus]:
        yield diagnostics.results_status("counting", self, "", {})

    def explain_silence(self, drops: Mapping[Drop, int]) -> str:
        return "no odometry"

    def save(self, directory: Path) -> list[Path]:
        path = directory / "count.txt"
        path.write_text(str(self.published.total))
        return [path]


@pytest.fixture
def parts(domain: int) -> Iterator[SimpleNamespace]:
    """A node that has nothing but the counting branch, and a function that lets it receive some messages."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node("counter", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    warnings = []
    with ExitStack() as undo:
        undo.callback(context.try_shutdown)
        undo.callback(node.destroy_node)
        undo.callback(executor.shutdown)
        qos_watch = QosWatch(node, warnings.append)
        subscriptions = Subscriptions(node, qos_watch)
        source = NoTransformSource()
        host = Host(node, subscriptions, qos_watch, source, Transforms("base", source), warnings.append, undo)
        branch = Counting(host, Settings())
        monitor = Monitor(node, [branch], subscriptions, qos_watch)
        parts = Parts([branch], subscriptions, ClassTable(node, qos_watch), undo)
        publisher = node.create_publisher(Odometry, "odometry", 10)

        def spin_until(condition: Callable[[], object]) -> None:
            end = time.monotonic() + 30
            while not condition():
                assert time.monotonic() < end
                executor.spin_once(0.02)

        def receive(count: int) -> None:
            spin_until(lambda: publisher.get_subscription_count() and subscriptions.all[0].published)
            expected = subscriptions.all[0].rate.total + count
            for _ in range(count):
                publisher.publish(Odometry())
            spin_until(lambda: subscriptions.all[0].rate.total == expected)

        yield SimpleNamespace(
            parts=parts, branch=branch, receive=receive, spin_until=spin_until, monitor=monitor, warnings=warnings
        )


def test_a_further_branch_works_saves_and_reports_like_the_others(parts: SimpleNamespace, tmp_path: Path) -> None:
    parts.receive(2)  # before activation messages are only counted
    parts.parts.restart()
    parts.receive(3)
    parts.spin_until(lambda: parts.branch.published.total == 3)
    parts.parts.pause()
    assert parts.branch.summary() == "published 3 counts; dropped: nothing"
    assert [path.read_text() for path in parts.parts.save(tmp_path)] == ["3"]
    (status,) = parts.branch.report()
    assert (status.name, {kv.key: kv.value for kv in status.values}["published"]) == ("counting", "3")


def test_a_restart_forgets_and_counts_from_zero(parts: SimpleNamespace) -> None:
    parts.parts.restart()
    parts.receive(1)
    parts.spin_until(lambda: parts.branch.published.total == 1)
    parts.parts.pause()
    parts.parts.forget()
    parts.parts.restart()
    assert (parts.branch.published.total, parts.branch.forgotten) == (0, 3)


def test_a_silent_branch_has_its_silence_explained(parts: SimpleNamespace) -> None:
    parts.parts.restart()
    parts.branch.apply(Settings.from_values({"diagnostics.watchdog_period": 1e-9}))
    parts.branch.look()
    assert parts.branch.silence == "no odometry"
    assert parts.warnings == ["no count for 0 s: no odometry"]
    (status,) = parts.branch.report()
    assert (status.level, status.message) == (diagnostics.ERROR, "no odometry")
