"""What an export measures: the ranges that eight bits need to know, and what a backend costs on frames with truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.progress import track

from ssc_ros.data.sequence import LabelledSequence
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.stream import stream
from ssc_ros.networks.quantization import Ranges, observed_ranges


def calibrate(completer: SceneCompleter, sequence: LabelledSequence, frame_ids: Sequence[str]) -> Ranges:
    """What the convolutions of a network read while it completes some frames, with a progress bar.

    Args:
        completer: runs the network in torch.
        sequence: the drive.
        frame_ids: that are completed; a network with a history is shown their past too.
    """
    with observed_ranges(completer.network) as ranges:
        for _, frame in track(stream(completer, sequence, frame_ids), "calibrate", len(frame_ids)):
            completer.complete(frame)
    return ranges


@dataclass(frozen=True)
class BackendCost:
    """What a backend changes on frames with ground truth.

    Attributes:
        equal: share of the voxels that get the same label, in 0..1.
        before, after: mIoU [%] by torch and by the backend.
    """

    equal: float
    before: float
    after: float

    @property
    def loss(self) -> float:
        """Points of mIoU that are lost."""
        return self.before - self.after


def compare(
    expected: SceneCompleter, found: SceneCompleter, sequence: LabelledSequence, frame_ids: Sequence[str]
) -> BackendCost:
    """Complete frames by torch and by a backend, and score both, with a progress bar.

    Args:
        expected: runs the network in torch.
        found: runs it by the backend.
        sequence: with ground truth.
        frame_ids: that are scored, at least one.
    """
    same, count = 0, 0
    completers = (expected, found)
    confusions = [Confusion(len(expected.metadata.label_set)) for _ in completers]
    streams = zip(*(stream(completer, sequence, frame_ids) for completer in completers), strict=True)
    for frames in track(streams, "score", len(frame_ids)):
        truth = sequence.target(frames[0][0])
        grids = [completer.complete(frame) for completer, (_, frame) in zip(completers, frames, strict=True)]
        for confusion, grid in zip(confusions, grids, strict=True):
            confusion.add(grid.labels, truth)
        same += int((grids[0].labels == grids[1].labels).sum())
        count += truth.size
    before, after = (100 * confusion.scores().miou for confusion in confusions)
    return BackendCost(same / count, before, after)
