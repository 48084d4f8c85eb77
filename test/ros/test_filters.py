"""The synchroniser between the filters of message_filters; where that is missing, between the like of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from ssc_ros.assembly.synchronizer import SyncRules
from ssc_ros.messages.drops import Drop

SECOND = 1_000_000_000


class SimpleFilter:
    """What message_filters.SimpleFilter does (ros2/message_filters, src/message_filters/__init__.py)."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:
        number = len(self.callbacks)
        self.callbacks[number] = cb, args
        return number

    def signalMessage(self, *messages: Any) -> None:
        for cb, args in self.callbacks.values():
            cb(*(messages + args))


@pytest.fixture
def filters(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module under test, on the real package or its stand-in."""
    if find_spec("message_filters") is None:
        monkeypatch.setitem(sys.modules, "message_filters", SimpleNamespace(SimpleFilter=SimpleFilter))
    monkeypatch.delitem(sys.modules, "ssc_ros.ros.filters", raising=False)
    return import_module("ssc_ros.ros.filters")


@pytest.fixture
def source(filters: Any) -> Callable[[], Any]:
    """Makes filters without an input, as Subscribers are."""
    return import_module("message_filters").SimpleFilter


def message(nanoseconds: int) -> SimpleNamespace:
    sec, nanosec = divmod(nanoseconds, SECOND)
    return SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec)))


def test_a_pair_reaches_what_stands_below_with_the_arguments_that_were_registered(
    filters: Any, source: Callable[[], Any]
) -> None:
    left, right = source(), source()
    below: list[Any] = []
    sync = filters.StereoFilter([left, right])
    sync.registerCallback(lambda *all: below.append(all), "extra")
    assert isinstance(sync, import_module("message_filters").SimpleFilter)
    one, other = message(SECOND), message(SECOND + 10_000_000)  # the slop itself still pairs
    left.signalMessage(one)
    right.signalMessage(other)
    assert below == [(one, other, "extra")]


def test_a_filter_below_takes_its_output_as_any_filter_s(filters: Any, source: Callable[[], Any]) -> None:
    left, right, last = source(), source(), source()
    seen: list[Any] = []
    sync = filters.StereoFilter([left, right])
    incoming = sync.registerCallback(last.signalMessage)  # as Cache and Chain connect their input
    last.registerCallback(lambda *all: seen.append(all))
    pair = message(1), message(2)
    left.signalMessage(pair[0])
    right.signalMessage(pair[1])
    assert seen == [pair]
    # Chain takes a callback away by the number that it was given
    assert sync.callbacks.pop(incoming)[0] == last.signalMessage


def test_a_connection_ends_its_own_callback_and_no_other(filters: Any, source: Callable[[], Any]) -> None:
    sync = filters.StereoFilter([source(), source()])
    heard: list[str] = []
    first = sync.registerCallback(lambda *all: heard.append("first"))
    sync.registerCallback(lambda *all: heard.append("second"))
    first.disconnect()
    first.disconnect()
    sync.registerCallback(lambda *all: heard.append("third"))
    sync.signalMessage(message(1), message(1))
    assert heard == ["second", "third"]


def test_a_sweep_is_the_third_message_and_none_if_it_is_late(filters: Any, source: Callable[[], Any]) -> None:
    inputs = [source() for _ in range(3)]
    below, drops = [], []
    rules = SyncRules(grace_time=0)
    sync = filters.StereoFilter(inputs, rules, lambda reason, number: drops.append(reason))
    sync.registerCallback(lambda *all: below.append(all))
    sweep, pair = message(SECOND), [message(SECOND), message(SECOND)]
    for one, filter_ in zip((sweep, *pair), (inputs[2], *inputs[:2]), strict=True):
        filter_.signalMessage(one)
    assert below == [(*pair, sweep)]
    for filter_ in inputs[:2]:
        filter_.signalMessage(message(2 * SECOND))
    sync.poll()
    assert below[1][2] is None
    assert drops == [Drop.CLOUD_LATE]


def test_other_inputs_take_the_place_of_the_first_ones(filters: Any, source: Callable[[], Any]) -> None:
    old, new = [source(), source()], [source(), source()]
    below: list[Any] = []
    sync = filters.StereoFilter(old)
    sync.registerCallback(lambda *all: below.append(all))
    sync.connectInput(new)
    for filter_ in old:
        filter_.signalMessage(message(1))
    assert below == []
    for filter_ in new:
        filter_.signalMessage(message(2))
    assert len(below) == 1
    with pytest.raises(ValueError, match="got 1"):
        sync.connectInput(new[:1])
