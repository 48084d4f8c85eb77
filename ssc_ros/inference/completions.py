"""Frames without ground truth, one after the other: grids and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import Progress

from ssc_ros.core import Frame
from ssc_ros.inference.predictors import Predictor
from ssc_ros.inference.result_folder import ResultFolder


class FrameSource(Protocol):
    """Frames with names, in the order of time."""

    @property
    def count(self) -> int:
        """How many frames there are at most."""

    def frames(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Frame]]:
        """Give name and frame of the frames whose names are wanted."""


def complete_frames(
    predictor: Predictor, source: FrameSource, results: ResultFolder, console: Console
) -> tuple[list[str], int]:
    """Complete the frames whose results are not there yet, with a progress bar.

    Args:
        predictor: completes them; one that remembers past frames is shown the others too.
        source: the frames.
        results: where grids and pictures go.
        console: where the progress bar goes.

    Returns:
        Names of the frames that have results, in the order of time, and how many of them are new.
    """
    observer = predictor.observer
    remembers = observer is not None and observer.history.count > 0
    names: list[str] = []
    new = 0

    def wanted(name: str) -> bool:
        names.append(name)
        return remembers or not results.has(name)

    if observer is not None:
        observer.forget()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("complete", total=source.count)
        for name, frame in source.frames(wanted):
            if not results.has(name):
                results.add(name, f"{name}: left image", frame, predictor.completer.complete(frame))
                new += 1
            elif observer is not None:
                observer.observe(frame)
            progress.update(task, completed=len(names))
    return [name for name in names if results.has(name)], new
