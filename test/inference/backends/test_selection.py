"""Backends run the dense parts of a network, are compared with torch, and are refused where they say something else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ssc_ros.core import SscError
from ssc_ros.inference.backends import backend as backends
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.inference.backends.parity import REQUIRED
from ssc_ros.inference.backends.selection import choose_backend
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.networks.dense import Example, flatten, rebuild
from ssc_ros.systems import build

from .tiny_backend import CPU, SPEC, network

pytestmark = pytest.mark.usefixtures("own_cache")


def fake(monkeypatch: pytest.MonkeyPatch, compile_part: Callable[..., Any], precision: str = "f32") -> Backend:
    """A backend that nobody has."""
    name = f"{backends.__package__}.fake_parts"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(compile_part=compile_part))
    monkeypatch.setitem(backends._LIBRARIES, "fake", backends._Library("fake_parts"))
    return Backend("fake", precision)


def test_parts_are_compiled_for_frames_of_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = {}

    def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Callable[..., Any]:
        batches[example.part.path] = len(example.inputs[0])
        return example.part.call

    choose_backend(build("htcl", "edge").eval(), [fake(monkeypatch, compile_part)], CPU)
    # two past frames, which have left their memory behind; nobody encodes them again
    assert batches.pop("encode") == 1
    assert set(batches.values()) == {1}


def test_a_backend_that_agrees_runs_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Callable[..., Any]:
        def run(*tensors: torch.Tensor) -> Any:
            calls.append(example.part.path)
            return example.part.call(*tensors)

        return run

    made = network()
    execution = choose_backend(made, [fake(monkeypatch, compile_part)], CPU)
    assert execution.parts == ("image.see", "fuse_and_fill", "complete")
    assert execution.agreement == 1.0
    calls.clear()
    made(synthetic_inputs(SPEC))
    assert calls == ["image.see", "fuse_and_fill", "complete"]


def test_a_backend_that_says_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Callable[..., Any]:
        def run(*tensors: torch.Tensor) -> Any:
            output = example.part.call(*tensors)
            return rebuild(output, (-x for x in flatten(output)))

        return run

    made, wrong = network(), fake(monkeypatch, compile_part)
    expected = made(synthetic_inputs(SPEC)).scene.labels()
    assert len(expected.unique()) > 3
    with pytest.raises(SscError, match="'fake' is refused: "):
        choose_backend(made, [wrong], CPU)
    assert choose_backend(made, [wrong, Backend()], CPU).backend == Backend("torch")
    assert "trying torch" in caplog.text
    assert torch.equal(made(synthetic_inputs(SPEC)).scene.labels(), expected)


def test_who_asks_for_bfloat16_by_name_accepts_what_torch_loses_by_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, same = network(), fake(monkeypatch, lambda example, backend, artefacts: example.part.call, "bf16")
    with torch.no_grad():
        made.head.logits.weight.mul_(1000)  # every label is sure, and some depend on rounding
    execution = choose_backend(made, [same], CPU)
    assert execution.parts == ("image.see", "fuse_and_fill", "complete")
    assert execution.agreement < REQUIRED["bf16"]
    changed = re.search(r"bfloat16 alone changes (.*)% of the labels", caplog.text)
    assert float(changed[1]) == pytest.approx(100 * (1 - execution.agreement), abs=0.01)
    # "auto" goes on with what loses less
    assert choose_backend(made, [same, Backend()], CPU).backend == Backend("torch")


def test_a_backend_that_loses_more_than_torch_in_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Callable[..., Any]:
        return lambda *tensors: rebuild(example.output, (-x for x in flatten(example.part.call(*tensors))))

    with pytest.raises(SscError, match="'fake-bf16' is refused: "):
        choose_backend(network(), [fake(monkeypatch, compile_part, "bf16")], CPU)


def test_a_part_that_cannot_be_compiled_stays_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Callable[..., Any]:
        if example.part.path == "complete":
            raise RuntimeError("no such operation\nand a long explanation")
        return example.part.call

    execution = choose_backend(network(), [fake(monkeypatch, compile_part)], CPU)
    assert execution.parts == ("image.see", "fuse_and_fill")
    assert execution.left == (("complete", "no such operation"),)
