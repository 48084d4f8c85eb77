"""Frames of data sets on their way to a predictor: those with ground truth, or those that the server wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import track

from ssc_ros.core import LIDAR
from ssc_ros.data.predictions import write_prediction
from ssc_ros.data.sequence import LabelledSequence
from ssc_ros.evaluation.session import Sample
from ssc_ros.inference.predictors import Predictor
from ssc_ros.inference.stream import stream

KEYFRAME_STEP = 5
"""The SemanticKITTI server wants a prediction of every fifth frame."""


def labelled_ids(sequence: LabelledSequence, frames: slice = slice(None)) -> list[str]:
    """The frames of a part of a sequence that have ground truth, sorted."""
    return sorted(set(sequence.voxel_ids).intersection(sequence.frame_ids[frames]))


def spread_ids(sequence: LabelledSequence, count: int) -> list[str]:
    """At most so many frames with ground truth, evenly spread over a sequence."""
    ids = labelled_ids(sequence)
    count = min(count, len(ids))
    return [ids[i * len(ids) // count] for i in range(count)]


def labelled_samples(
    predictor: Predictor, sequences: Sequence[LabelledSequence], frames: slice = slice(None)
) -> Iterator[Sample]:
    """The frames with ground truth, in the order of time; a predictor with a memory is shown its past before each."""
    for sequence in sequences:
        chosen = labelled_ids(sequence, frames)
        for frame_id, frame in stream(predictor.observer, sequence, chosen, LIDAR in predictor.sensors):
            shown = predictor.prepared(frame, sequence, frame_id)
            yield Sample(sequence.name, frame_id, shown, sequence.target(frame_id))


def predict_keyframes(predictor: Predictor, sequences: Sequence[LabelledSequence], frames: slice, folder: Path) -> int:
    """Save predictions of every fifth frame, with a progress bar, as the server wants them of its hidden sequences.

    Args:
        predictor: makes the predictions.
        sequences: with or without ground truth.
        frames: of each sequence.
        folder: gets `sequences/NN/predictions/NNNNNN.label`.

    Returns:
        How many were saved.
    """
    count = 0
    for sequence in sequences:
        keyframes = [i for i in sequence.frame_ids[frames] if int(i) % KEYFRAME_STEP == 0]
        past_and_present = stream(predictor.observer, sequence, keyframes, with_points=LIDAR in predictor.sensors)
        for frame_id, frame in track(past_and_present, f"predict {sequence.name}", total=len(keyframes)):
            shown = predictor.prepared(frame, sequence, frame_id)
            write_prediction(folder, sequence.name, frame_id, predictor.completer.complete(shown))
            count += 1
    return count
