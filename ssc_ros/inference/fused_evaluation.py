"""Scores of the map's grids beside the scores of single grids, over whole drives: `--fuse` of the evaluators."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ssc_ros.core import LIDAR, Frame, LabelSet, SceneGrid, SemanticGrid
from ssc_ros.data.sequence import LabelledSequence
from ssc_ros.evaluation.flicker import Flicker
from ssc_ros.evaluation.report import Report
from ssc_ros.evaluation.session import Completer, EvaluationSession, Sample
from ssc_ros.inference.labelled_stream import labelled_ids
from ssc_ros.inference.predictors import Predictor
from ssc_ros.inference.stream import stream
from ssc_ros.mapping.evidence import MOVING_CLASSES
from ssc_ros.mapping.guarded_map import GuardedMap

NEAR = "12.8 m"
"""Region whose obstacles are compared."""


@dataclass(frozen=True)
class Moment:
    """A frame of a drive, with its truth if it has one.

    Attributes:
        sequence: "08".
        frame_id: "000005".
        frame: what was sensed.
        truth: (X, Y, Z) uint8 train ids, 255 unknown, or None.
    """

    sequence: str
    frame_id: str
    frame: Frame
    truth: NDArray[np.uint8] | None


def moments(predictor: Predictor, sequences: Sequence[LabelledSequence], frames: slice) -> Iterator[Moment]:
    """Yield all frames up to the last one with ground truth, in the order of time."""
    for sequence in sequences:
        labelled = labelled_ids(sequence, frames)
        chosen = [i for i in sequence.frame_ids[frames] if labelled and i <= labelled[-1]]
        for frame_id, frame in stream(predictor.observer, sequence, chosen, LIDAR in predictor.sensors):
            yield Moment(sequence.name, frame_id, frame, sequence.target(frame_id) if frame_id in labelled else None)


class FusedEvaluation:
    """Two evaluations of one drive after the other: single grids, and the same fused with all grids before.

    Attributes:
        single, fused: the evaluations.
    """

    def __init__(
        self,
        title: str,
        results: Path,
        grid: SceneGrid,
        label_set: LabelSet,
        *,
        frames: int,
        pictures: int,
        config: Mapping[str, object],
    ) -> None:
        """Open both; arguments as for `EvaluationSession`."""
        self.single, self.fused = (
            EvaluationSession(
                name, results, grid, label_set, frames=frames, pictures=pictures, config={**config, "fused": fused}
            )
            for name, fused in ((title, False), (f"{title} fused", True))
        )
        self._flickers = [Flicker(label_set, MOVING_CLASSES) for _ in range(2)]
        self._grid, self._label_set = grid, label_set
        self._complaints: list[str] = []
        self._milliseconds: list[float] = []

    def run(self, completer: Completer, drive: Iterable[Moment]) -> None:
        """Complete, fuse and count; a frame without pose is not fused, and counts as a single grid in both."""
        world, sequence = GuardedMap(self._grid, self._label_set), ""
        for moment in drive:
            if moment.sequence != sequence:  # another place
                sequence = moment.sequence
                world.clear()
                for flicker in self._flickers:
                    flicker.forget()
            single = completer.complete(moment.frame)
            start = time.perf_counter()
            fused = self._fuse(world, single, moment)
            self._milliseconds.append(1e3 * (time.perf_counter() - start))
            if moment.frame.T_world_grid is not None:
                for flicker, grid in zip(self._flickers, (single, fused), strict=True):
                    flicker.add(grid, moment.frame.T_world_grid)
            if moment.truth is not None:
                sample = Sample(moment.sequence, moment.frame_id, moment.frame, moment.truth)
                self.single.add(sample, single)
                self.fused.add(sample, fused)

    def finish(self) -> tuple[Report, Report]:
        """Write both reports, and print them side by side."""
        reports = self.single.finish(), self.fused.finish()
        Console().print(self._table(reports))
        for complaint in self._complaints:
            print(f"the map was cleared: {complaint}")
        print(f"fusing and cutting took {np.median(self._milliseconds):.1f} ms a frame (median)")
        return reports

    def _fuse(self, world: GuardedMap, single: SemanticGrid, moment: Moment) -> SemanticGrid:
        pose = moment.frame.T_world_grid
        if pose is None:
            return single
        if complaint := world.fuse(single, pose):
            self._complaints.append(f"{moment.sequence} {moment.frame_id}: {complaint}")
        cut = world.map.cut(pose, single.stamp, confidence=False)
        return replace(cut, observed=single.observed, model_id=single.model_id)

    def _table(self, reports: Sequence[Report]) -> Table:
        table = Table("[%]", "IoU", "mIoU", f"obstacles, {NEAR}: found", "false", "flicker", title="fused or not")
        for name, report, flicker in zip(("single grids", "fused"), reports, self._flickers, strict=True):
            scores, near = report.official, report.obstacles[NEAR]
            values = (scores.iou, scores.miou, near.found, near.false, flicker.share)
            table.add_row(name, *(f"{100 * value:.2f}" for value in values))
        return table
