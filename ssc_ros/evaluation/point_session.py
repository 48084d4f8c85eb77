"""The loop that evaluations of point segmentation share: predict, count, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ssc_ros.core import LabelSet
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.point_report import PointReport
from ssc_ros.evaluation.points import point_scores
from ssc_ros.evaluation.results import provenance

SegmentPoints = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""Gives points (N, 4) their train ids (N,), 0 unlabelled."""


@dataclass(frozen=True)
class Sweep:
    """A sweep with its truth.

    Attributes:
        sequence: "08".
        sweep_id: "000005".
        points: (N, 4) float32: x, y, z [m] in the LiDAR frame, reflectance 0..1.
        truth: (N,) uint8 train ids, 0 unlabelled; None where the sweep has no labels.
    """

    sequence: str
    sweep_id: str
    points: NDArray[np.float32]
    truth: NDArray[np.uint8] | None


class PointSession:
    """One evaluation of point segmentation, from its first sweep to its report.

    Attributes:
        scored: how many sweeps with labels were counted so far.
    """

    def __init__(self, label_set: LabelSet) -> None:
        self.scored = 0
        self._label_set = label_set
        self._confusion = Confusion(len(label_set))
        self._milliseconds: list[float] = []

    def run(
        self,
        segment: SegmentPoints,
        sweeps: Iterable[Sweep],
        total: int,
        keep: Callable[[Sweep, NDArray[np.uint8]], object] | None = None,
    ) -> None:
        """Predict every sweep, with a progress bar, and count those that have labels.

        Args:
            segment: gives points their classes; its time is measured.
            sweeps: in any order; loaded one by one.
            total: how many will come.
            keep: is given each sweep and its train ids (N,) uint8, to save them.
        """
        for sweep in track(sweeps, "evaluate", total=total):
            start = time.perf_counter()
            labels = segment(sweep.points)
            self._milliseconds.append(1e3 * (time.perf_counter() - start))
            if keep is not None:
                keep(sweep, labels)
            if sweep.truth is not None:
                self._confusion.add(labels, sweep.truth)
                self.scored += 1

    def finish(self, title: str, results: Path, config: Mapping[str, object]) -> PointReport:
        """Print the table, write report.md and metrics.json, and return the report.

        Args:
            title: what was evaluated, for people.
            results: folder of all results; the session makes its own in it.
            config: what the user asked for, kept with the result; JSON values.

        Raises:
            SscError: the result folder cannot be made.
        """
        report = PointReport(
            title,
            self._label_set,
            {"all": point_scores(self._confusion)},
            self.scored,
            median(self._milliseconds),
            config,
            provenance(),
        )
        report.publish(results)
        return report
