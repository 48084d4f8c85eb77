"""A domain for each test, and a node under test with what it needs to work, over DDS."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .world import World

HERE = Path(__file__).parent
DOMAINS = 50
"""How many domains, of 1 to 100, each of the two workers of a parallel run has for itself."""

if find_spec("rclpy") is None:  # the page about the node, simulated time and the like are tested all the same
    nodes = {path.name for path in HERE.glob("test_node_*.py")} - {"test_node_docs.py"}
    collect_ignore = ["health", "outputs", "replay/test_replay.py", "test_process.py", *sorted(nodes)]

_numbers = itertools.count()


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """A ROS domain for this test, on the loopback interface; workers that run side by side share none."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    number = 1 + DOMAINS * (worker % 2) + (7 * os.getpid() + next(_numbers)) % DOMAINS
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return number


@pytest.fixture
def world(domain: int) -> Iterator[World]:
    """A node to start on this test's domain, with a rig that feeds it and a listener."""
    from .world import World

    world = World(domain)
    yield world
    world.close()
