"""Stages by a clock that moves when it is told to; subjects in turns; a real subject from PNG to message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ssc_ros.core import SscError
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.inference.stages import Span, Stages
from ssc_ros.networks.quantization import convolutions
from ssc_ros.profiling.frames import EncodedFrame, recorded
from ssc_ros.profiling.setting import Setting, settled
from ssc_ros.profiling.subject import NETWORK, Subject, measure, watch_modules
from ssc_ros.systems import SYSTEMS

from ..inference import tiny_temporal
from .fake_clock import FakeClock, Takes


def test_a_stage_has_its_own_time_and_that_of_its_parts() -> None:
    clock = FakeClock()
    stages = Stages(clock)
    with stages("outer"):
        clock.wait(1)
        for seconds in (2, 4):
            with stages("inner"):
                clock.wait(seconds)
    clock.wait(8)
    with stages("inner"):
        clock.wait(16)
    assert list(stages.spans.items()) == [
        ("outer", Span(7, 14)), ("outer/inner", Span(6, 12)), ("inner", Span(16, 32))
    ]  # fmt: skip


def test_a_stage_that_fails_is_over() -> None:
    clock = FakeClock()
    stages = Stages(clock)
    with pytest.raises(ZeroDivisionError), stages("fails"):
        _ = 1 / 0
    with stages("next"):
        clock.wait(1)
    assert stages.spans["next"] == Span(1, 2)


def test_the_modules_at_the_top_are_stages_and_what_they_hold_belongs_to_them() -> None:
    clock = FakeClock()
    network = nn.Module()
    network.called = Takes(clock, 1, inner=Takes(clock, 2))
    network.holder = nn.ModuleDict({"a": Takes(clock, 4), "b": Takes(clock, 8)})
    network.unused = Takes(clock, 16)
    stages = Stages(clock)
    watch_modules(network, stages)
    with stages("network"):
        network.called()
        network.holder["a"]()
        network.called()
        clock.wait(32)
        network.holder["b"]()
    assert {name: span.wall for name, span in stages.spans.items()} == {
        "network": 3 + 4 + 3 + 32 + 8, "network/called": 6, "network/holder": 12
    }  # fmt: skip


def test_subjects_take_turns_and_each_is_answered_in_its_own_place() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def run(self) -> dict[str, Span]:
            turns.append(self.name)
            return {self.name: Span(len(turns))}

    turns: list[str] = []
    rounds = list(measure([Named("a"), Named("b")], rounds=3, warm_up=1))
    assert "".join(turns) == "abbaabba"
    assert rounds == [
        [{"a": Span(i)}, {"b": Span(j)}] for i, j in ((1, 2), (4, 3), (5, 6), (8, 7))
    ]  # fmt: skip


@pytest.fixture
def encoded() -> EncodedFrame:
    return EncodedFrame.of(tiny_temporal.frame(0.0, None), "made up")


def test_png_keeps_the_images(encoded: EncodedFrame) -> None:
    frame = encoded.decode()
    np.testing.assert_array_equal(frame.left, encoded.frame.left)
    np.testing.assert_array_equal(frame.right, encoded.frame.right)
    assert (frame.left != frame.right).any()


@pytest.mark.parametrize("backend", ["torch", "torch-bf16"])
def test_parts_take_no_more_than_the_whole_and_the_past_is_there(
    encoded: EncodedFrame, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setitem(SYSTEMS, "mean", {"tiny": tiny_temporal.network})
    subject = Subject(Setting("mean/tiny", backend), encoded)
    for _ in range(3):
        spans = subject.run()
        assert subject._completer.past_frames == tiny_temporal.SPEC.history.count
    assert {f"{NETWORK}/encoder", f"{NETWORK}/classes", "whole/complete/stereo", "whole/message"} < set(spans)
    for outer, whole in spans.items():
        parts = [s for name, s in spans.items() if name.rpartition("/")[0] == outer]
        for clock in ("wall", "cpu"):
            assert sum(getattr(part, clock) for part in parts) <= getattr(whole, clock) + 1e-9


def test_a_frame_of_a_data_set_is_the_one_asked_for(kitti_tree: Path) -> None:
    first, third = recorded(kitti_tree, "08", None), recorded(kitti_tree, "08", "000002")
    assert first.source == "tree, 08/000000"
    assert (first.frame.left != third.frame.left).any()
    with pytest.raises(SscError, match="000009"):
        recorded(kitti_tree, "08", "000009")


def test_norms_of_a_settled_network_normalise_the_made_street() -> None:
    torch.manual_seed(0)
    network = settled(Setting("l2cocc/edge").build())
    norm, seen = network.head.norm, []
    norm.register_forward_hook(lambda module, _, output: seen.append(output))
    with torch.no_grad():
        network(synthetic_inputs(network.spec))
    assert not norm.training
    spread, mean = torch.std_mean(seen[0].double(), dim=(0, 2, 3))
    # a running variance divides by n - 1, and the coarsest level of the planes has 24 cells
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=0.1, rtol=0)
    torch.testing.assert_close(spread, torch.ones_like(spread), atol=0.1, rtol=0)


def test_eight_bits_can_be_measured_with_random_weights() -> None:
    completer = Setting("l2cocc/edge", "openvino-int8").open()
    assert completer.backend == "openvino-int8"
    of_the_scene = convolutions(completer.network).keys() - {"image.classes"}  # which only a training needs
    assert completer.metadata.activation_ranges.keys() == of_the_scene
