"""One run: settings are opened, measured in interleaved rounds, and put into one result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.progress import track

from ssc_ros.core import SscError
from ssc_ros.evaluation.results import provenance
from ssc_ros.inference.backends.backend import installed
from ssc_ros.inference.completer import choose_device
from ssc_ros.inference.stages import Span
from ssc_ros.kernels.memory import peak_memory, resident_memory
from ssc_ros.profiling.frames import EncodedFrame
from ssc_ros.profiling.machine import MEGABYTE, machine, peak_gpu_memory
from ssc_ros.profiling.report import Measurement, Result, compared
from ssc_ros.profiling.setting import Setting
from ssc_ros.profiling.subject import Subject, measure


def all_backends(setting: Setting) -> list[Setting]:
    """A setting by every backend that can run here, but torch.compile, which takes minutes."""
    backends = installed(choose_device(setting.device))
    return [replace(setting, backend=backend.name) for backend in backends if backend.library != "compile"]


def open_what_can_be(
    settings: Sequence[Setting], encoded: EncodedFrame, left_out: Callable[[Setting, SscError], object]
) -> list[Subject]:
    """The settings that can be opened.

    Args:
        settings: the first one runs in torch: what torch cannot open, no other backend can.
        encoded: the frame that they complete.
        left_out: is told of each other setting that cannot be opened, and why.

    Raises:
        SscError: the first setting cannot be opened.
    """
    subjects: list[Subject] = []
    for setting in settings:
        try:
            subjects.append(Subject(setting, encoded))
        except SscError as error:  # noqa: PERF203 (it takes seconds to open one)
            if not subjects:
                raise
            left_out(setting, error)
    return subjects


def run(
    subjects: Sequence[Subject], source: str, rounds: int, warm_up: int, console: Console, *, ratios: bool
) -> Result:
    """Measure subjects in interleaved rounds, with a progress bar.

    Args:
        subjects: what is measured.
        source: where their frame is from.
        rounds: that count.
        warm_up: rounds before that do not, at least one.
        console: where progress goes.
        ratios: compare the first two.
    """
    # measure, and look at the memory
    said: list[list[dict[str, Span]]] = []
    memory: dict[str, float] = {}
    for each in track(measure(subjects, rounds, warm_up), "measure", warm_up + rounds, console=console):
        said.append(each)
        if len(said) == warm_up:
            memory["after the warm-up"] = resident_memory() / MEGABYTE
    memory["at the end"] = resident_memory() / MEGABYTE
    # Linux counts the two in different ways, which differ by some pages
    peak = max(peak_memory() / MEGABYTE, *memory.values())
    memory |= {"growth": memory["at the end"] - memory["after the warm-up"], "peak": peak}
    if (on_gpu := peak_gpu_memory()) is not None:
        memory["peak on the GPU"] = on_gpu
    # sum up
    by_subject = list(zip(*said[warm_up:], strict=True))
    return Result(
        [Measurement.of(s.setting, own, s.roofline()) for s, own in zip(subjects, by_subject, strict=True)],
        compared(*by_subject) if ratios else {},
        memory,
        source,
        machine=machine(),
        provenance=provenance(),
    )
