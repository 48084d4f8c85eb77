"""Scores of the rolling map under an odometry that drifts, that jumps, or that stops for a while.

  python benchmarks/odometry.py models/l2cocc_edge.safetensors --data data/synth_kitti --sequence 08 11

Every frame of the sequences is completed once; the grids are then fused at the poses of each odometry, as
`ssc-ros evaluate --fuse` does. Exact: the data set's. Drift: 0.05 m to the left and 0.2 degrees more in each frame.
Jump: 5 m in the middle, as after a loop closure. Stop: no poses for ten frames in the middle.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, SemanticGrid, poses
from ssc_ros.data.sequence import open_sequences
from ssc_ros.inference.fused_evaluation import FusedEvaluation, Moment, moments
from ssc_ros.inference.predictors import checkpoint_predictor

Matrix = NDArray[np.float64]
Odometry = Callable[[Sequence[Matrix]], list[Matrix | None]]
"""The poses (4, 4) that are told, or None, of the true ones of a drive."""

DRIFT = 0.05, np.radians(0.2)
"""Of each frame, to the left [m] and about the vertical [rad]."""
JUMP = 5.0
"""How far ahead a jump goes [m]."""
STOP = 10
"""For how many frames there are no poses."""


def exact(true: Sequence[Matrix]) -> list[Matrix | None]:
    """The true poses."""
    return list(true)


def drifting(true: Sequence[Matrix]) -> list[Matrix | None]:
    """Poses whose steps have the same error each."""
    aside, turn = DRIFT
    error = np.eye(4)
    error[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    error[1, 3] = aside
    told = [true[0]]
    for before, after in pairwise(true):
        told.append(told[-1] @ poses.inverse(before) @ after @ error)
    return list(told)


def jumping(true: Sequence[Matrix]) -> list[Matrix | None]:
    """Poses in a frame that moves in the middle of the drive."""
    moved = np.eye(4)
    moved[0, 3] = JUMP
    middle = len(true) // 2
    return [*true[:middle], *(moved @ pose for pose in true[middle:])]


def stopping(true: Sequence[Matrix]) -> list[Matrix | None]:
    """Poses with a gap in the middle of the drive."""
    begin = (len(true) - STOP) // 2
    return [*true[:begin], *[None] * STOP, *true[begin + STOP :]]


class Played:
    """Gives the grids that were completed before, in their order."""

    def __init__(self, grids: Iterable[SemanticGrid]) -> None:
        self._grids = iter(grids)

    def complete(self, frame: Frame) -> SemanticGrid:
        """Return the next grid."""
        return next(self._grids)


def told(drive: Sequence[Moment], odometry: Odometry) -> Iterator[Moment]:
    """Give the moments of all drives the poses of an odometry."""
    for _, group in groupby(drive, lambda moment: moment.sequence):
        part = list(group)
        true = [moment.frame.T_world_grid for moment in part if moment.frame.T_world_grid is not None]
        for moment, pose in zip(part, odometry(true), strict=True):
            yield replace(moment, frame=replace(moment.frame, T_world_grid=pose))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sequence", nargs="+", default=["08", "11"])
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--backend", default="auto")
    args = parser.parse_args()
    sequences = open_sequences(args.data, args.sequence)
    predictor = checkpoint_predictor(args.checkpoint, backend=args.backend)
    drive = list(moments(predictor, sequences, slice(None)))
    grids = [predictor.completer.complete(moment.frame) for moment in drive]
    for odometry in (exact, drifting, jumping, stopping):
        both = FusedEvaluation(
            f"{predictor.name} odometry {odometry.__name__}",
            args.results,
            sequences[0].grid,
            sequences[0].label_set,
            frames=sum(moment.truth is not None for moment in drive),
            pictures=0,
            config={"data": str(args.data), "sequences": args.sequence, **predictor.origin},
        )
        both.run(Played(grids), told(drive, odometry))
        both.finish()


if __name__ == "__main__":
    main()
