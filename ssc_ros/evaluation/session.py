"""The loop that every evaluation shares: predict, count, draw, report.

session = EvaluationSession("stereo baseline on 08", results, grid, label_set, frames=len(samples))
session.run(completer, samples)          # or session.add(sample, prediction) for predictions made elsewhere
report = session.finish()                # table on the terminal; report.md, metrics.json, pictures in session.folder
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from ssc_ros.core import Frame, LabelSet, SceneGrid, SemanticGrid, SscError
from ssc_ros.evaluation.pictures import draw_picture
from ssc_ros.evaluation.report import Report
from ssc_ros.evaluation.results import new_result_folder, point_latest_at, provenance
from ssc_ros.evaluation.scoreboard import Scoreboard


class Completer(Protocol):
    """Whatever predicts a scene: a network, a baseline, the replies of a node."""

    def complete(self, frame: Frame) -> SemanticGrid:
        """Predict the scene around a frame."""


@dataclass(frozen=True)
class Sample:
    """A frame with its truth.

    Attributes:
        sequence: "08".
        frame_id: "000005".
        frame: what was sensed.
        truth: (X, Y, Z) uint8 train ids, 255 unknown.
    """

    sequence: str
    frame_id: str
    frame: Frame
    truth: NDArray[np.uint8]


class EvaluationSession:
    """One evaluation, from its first frame to its report.

    Attributes:
        folder: the dated result folder; `<results>/latest` points to it once the session is finished.
        board: the counts so far.
    """

    def __init__(
        self,
        title: str,
        results: Path,
        grid: SceneGrid,
        label_set: LabelSet,
        *,
        frames: int,
        pictures: int = 4,
        config: Mapping[str, object] | None = None,
        console: Console | None = None,
    ) -> None:
        """Open a session.

        Args:
            title: what is evaluated, for people.
            results: folder of all results; the session makes its own in it.
            grid, label_set: of the truth.
            frames: how many will come; pictures are spread evenly over them.
            pictures: how many frames to draw.
            config: what the user asked for, kept with the result; JSON values.
            console: where table and progress go; default the terminal.

        Raises:
            SscError: the result folder cannot be made.
        """
        self.board = Scoreboard(grid, label_set)
        self.folder = new_result_folder(results, title.replace(" ", "-").replace("/", "-"))
        self._title = title
        self._label_set = label_set
        self._expected = frames
        self._drawn_at = set(np.linspace(0, frames - 1, min(pictures, frames)).round().astype(int).tolist())
        self._config = dict(config or {})
        self._console = console or Console()
        self._milliseconds: list[float] = []
        self._pictures: list[str] = []
        self._frames = 0

    def run(
        self,
        completer: Completer,
        samples: Iterable[Sample],
        keep: Callable[[Sample, SemanticGrid], object] | None = None,
    ) -> None:
        """Predict and count every sample, with a progress bar.

        Args:
            completer: makes the predictions; its time is measured.
            samples: in any order; loaded one by one.
            keep: is given each prediction, to save it.
        """
        for sample in track(samples, "evaluate", total=self._expected, console=self._console):
            start = time.perf_counter()
            prediction = completer.complete(sample.frame)
            self._milliseconds.append(1e3 * (time.perf_counter() - start))
            if keep is not None:
                keep(sample, prediction)
            self.add(sample, prediction)

    def add(self, sample: Sample, prediction: SemanticGrid) -> None:
        """Count one prediction, and draw it if its turn has come.

        Raises:
            SscError: the prediction's grid or classes are not those of the truth.
        """
        if prediction.label_set.name != self._label_set.name:
            raise SscError(
                f"the prediction has the classes of '{prediction.label_set.name}', the truth those of "
                f"'{self._label_set.name}'; take a checkpoint that was trained for these"
            )
        self.board.add(prediction, sample.truth, sample.frame.rig)
        if self._frames in self._drawn_at:
            name = f"{sample.sequence}_{sample.frame_id}.png"
            draw_picture(self.folder / name, self._title, sample.frame, prediction, sample.truth)
            self._pictures.append(name)
        self._frames += 1

    def finish(self) -> Report:
        """Print the table, write report.md and metrics.json, and return the report.

        Raises:
            SscError: no frame was counted.
        """
        if not self._frames:
            raise SscError("no frame was evaluated: none has both a prediction and ground truth")
        report = Report(
            title=self._title,
            label_set=self._label_set,
            scores=self.board.scores(),
            obstacles=self.board.obstacles.scores(),
            whole=self.board.whole,
            frames=self._frames,
            median_ms=median(self._milliseconds) if self._milliseconds else None,
            config=self._config,
            provenance=provenance(),
            pictures=tuple(self._pictures),
        )
        report.write(self.folder)
        point_latest_at(self.folder)
        self._console.print(report.tables())
        self._console.print(f"results in {self.folder}", soft_wrap=True, highlight=False)
        return report
