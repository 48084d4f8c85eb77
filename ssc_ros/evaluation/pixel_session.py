"""The loop that evaluates image segmentation at the LiDAR points that the camera sees: predict, count, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ssc_ros.core import Frame, LabelSet
from ssc_ros.evaluation.camera_points import MINIMUM, REGIONS, seen_points
from ssc_ros.evaluation.confusion import OCCURRING, Confusion
from ssc_ros.evaluation.point_report import ABSENT, PointReport
from ssc_ros.evaluation.points import point_scores
from ssc_ros.evaluation.results import provenance

ClassesAt = Callable[[NDArray[np.floating]], NDArray[np.uint8]]
"""Gives pixels (N, 2), as (u, v), of measured points their train ids (N,)."""
SegmentImage = Callable[[Frame], ClassesAt]
"""Segments the left image of a frame."""


@dataclass(frozen=True)
class LabelledFrame:
    """A frame with the truth of its points.

    Attributes:
        frame: has points.
        truth: (N,) uint8 train ids of the points, 0 unlabelled.
    """

    frame: Frame
    truth: NDArray[np.uint8]


class PixelSession:
    """One evaluation of image segmentation, from its first frame to its report."""

    def __init__(self, label_set: LabelSet) -> None:
        self._label_set = label_set
        self._confusions = {region: Confusion(len(label_set)) for region in REGIONS}
        self._milliseconds: list[float] = []

    def run(self, segment: SegmentImage, frames: Iterable[LabelledFrame], total: int) -> None:
        """Predict every frame, with a progress bar, and count it.

        Args:
            segment: its time is measured.
            frames: in any order; loaded one by one.
            total: how many will come.
        """
        for labelled in track(frames, "evaluate", total=total):
            start = time.perf_counter()
            classes_at = segment(labelled.frame)
            self._milliseconds.append(1e3 * (time.perf_counter() - start))
            self._count(classes_at, labelled)

    def finish(self, title: str, results: Path, config: Mapping[str, object]) -> PointReport:
        """Print, write and return the report; arguments and errors as of `PointSession.finish`."""
        report = PointReport(
            title,
            self._label_set,
            {region: point_scores(confusion, MINIMUM) for region, confusion in self._confusions.items()},
            len(self._milliseconds),
            median(self._milliseconds),
            config,
            provenance(),
            least=MINIMUM,
            note=f"{ABSENT}: fewer than {MINIMUM} points, counted in '{OCCURRING}' alone; points that are unlabelled "
            "or hidden are not counted",
        )
        report.publish(results)
        return report

    def _count(self, classes_at: ClassesAt, labelled: LabelledFrame) -> None:
        """Add the points that the camera sees to the counts of all regions."""
        frame, points = labelled.frame, labelled.frame.points
        assert points is not None, "a labelled frame has points"
        pixels, depth = frame.rig.project(points[:, :3])
        seen = seen_points(pixels, depth, frame.rig.image_size)
        predicted, truth = classes_at(pixels[seen]), labelled.truth[seen]
        distance = np.linalg.norm(points[seen, :3], axis=1)
        for region, reach in REGIONS.items():
            self._confusions[region].add(predicted, truth, distance <= reach)
