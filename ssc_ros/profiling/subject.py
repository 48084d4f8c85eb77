"""One setting with one frame, ready to be measured; and several of them in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Protocol

import cv2
import torch
from torch import Tensor, nn

from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.history import NANOSECONDS
from ssc_ros.inference.stages import Span, Stages, clock_of
from ssc_ros.messages.codec import encode
from ssc_ros.networks.dense import Compiled, dense_parts
from ssc_ros.profiling.frames import EncodedFrame
from ssc_ros.profiling.roofline import Roofline, roofline
from ssc_ros.profiling.setting import Setting

WHOLE, COMPLETE = "whole", "whole/complete"
NETWORK = f"{COMPLETE}/network"
BETWEEN = "between modules"
WATCHED_DEPTH = 2
"""Modules of modules are watched, for those at the top that only hold others and are never called."""


class Runs(Protocol):
    """What can be measured."""

    def run(self) -> dict[str, Span]:
        """Do it once."""


class Subject:
    """A setting that completes one frame: PNG in, message out.

    Attributes:
        setting: how, with the backend that "auto" has chosen.
    """

    def __init__(self, setting: Setting, encoded: EncodedFrame) -> None:
        """Open the network, and let it remember the past that it reads: the same frame, standing still.

        Raises:
            SscError: the setting cannot be opened.
        """
        self._encoded = encoded
        self._completer = setting.open()
        self.setting = replace(setting, backend=self._completer.backend)
        self._device = next(self._completer.network.parameters()).device
        self._clock = clock_of(self._device)
        watch_modules(self._completer.network, self._completer.stages)
        _remember(self._completer, encoded)

    def roofline(self) -> Roofline:
        """Of the network, with this setting's threads and the backend's precision."""
        self._pin()
        dtype = torch.float32 if self._completer.execution.backend.precision == "f32" else torch.bfloat16
        return roofline(self.setting.build, dtype, self._device, self._clock)

    def run(self) -> dict[str, Span]:
        """Complete the frame once, and say how long each stage took; "outer/inner" is a part of "outer"."""
        self._pin()
        stages = Stages(self._clock)
        with stages(WHOLE):
            with stages("decode"):
                frame = self._encoded.decode()
            with stages("complete"):
                grid = self._completer.complete(
                    frame, confidence=False
                )  # as the node does it, unless a subscriber asks for it
            with stages("message"):
                encode(grid)
        inside = {f"{COMPLETE}/{name}": span for name, span in self._completer.stages.spans.items()}
        modules = [span for name, span in inside.items() if name.startswith(f"{NETWORK}/")]
        inside[f"{NETWORK}/{BETWEEN}"] = inside[NETWORK] - sum(modules, Span())
        return stages.spans | inside

    def _pin(self) -> None:
        torch.set_num_threads(self.setting.threads)
        cv2.setNumThreads(self.setting.threads)


def watch_modules(network: nn.Module, stages: Stages) -> None:
    """From now on, each module at the top of a network is a stage, and so is each part that a backend has compiled.

    A stage has none within it. The time of a container that is never called itself is that of what it holds.
    """
    running: list[AbstractContextManager[None] | None] = []

    def timed(compiled: Compiled, name: str) -> Compiled:
        def run(*tensors: Tensor) -> Any:
            running.append(None)
            with nullcontext() if len(running) > 1 else stages(name):
                result = compiled(*tensors)
            running.pop()
            return result

        return run

    def watch(name: str, module: nn.Module) -> None:
        def enter(module: nn.Module, inputs: Any) -> None:
            stage = None if running else stages(name)
            running.append(stage)
            if stage is not None:
                stage.__enter__()

        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            stage = running.pop()
            if stage is not None:
                stage.__exit__(None, None, None)

        module.register_forward_pre_hook(enter)
        module.register_forward_hook(leave)

    for part in dense_parts(network):
        if part.compiled is not None:
            part.replace(timed(part.compiled, part.path))
    for path, module in network.named_modules():
        if path and path.count(".") < WATCHED_DEPTH:
            watch(path.partition(".")[0], module)


def measure(subjects: Sequence[Runs], rounds: int, warm_up: int) -> Iterator[list[dict[str, Span]]]:
    """Run each subject once in every round, in turns: A B, B A, A B, ...

    Args:
        subjects: what is measured.
        rounds: that count.
        warm_up: rounds before that do not.

    Yields:
        For each round, those that do not count too: what the subjects said, in their own order.
    """
    order = list(enumerate(subjects))
    for number in range(warm_up + rounds):
        said = {i: subject.run() for i, subject in (order if number % 2 == 0 else order[::-1])}
        yield [said[i] for i in range(len(subjects))]


def _remember(completer: SceneCompleter, encoded: EncodedFrame) -> None:
    history = completer.history
    for k in range(history.count, 0, -1):
        stamp = encoded.frame.stamp - round(NANOSECONDS * k * history.interval)
        completer.observe(replace(encoded.frame, stamp=stamp))
