"""What `ssc-ros evaluate --task segmentation` does: classes of points against the labels of a data set."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssc_ros.evaluation.point_report import PointReport


def evaluate_points(args: argparse.Namespace) -> int:
    """Segment the sweeps of sequences, save and score them.

    Args:
        args: of `ssc-ros evaluate`.

    Returns:
        Exit status 0.

    Raises:
        SscError: no checkpoint, no sweeps, or nothing to do with them.
    """
    from rich.progress import track

    from ssc_ros.core import SscError
    from ssc_ros.data.predictions import write_point_prediction
    from ssc_ros.data.sweeps import open_sweeps
    from ssc_ros.evaluation.confusion import Confusion
    from ssc_ros.evaluation.point_report import PointReport
    from ssc_ros.evaluation.points import point_scores
    from ssc_ros.evaluation.results import provenance, sha256
    from ssc_ros.inference.segmenter import PointSegmenter

    if args.checkpoint is None:
        raise SscError("name what gives classes to points: --checkpoint models/polarnet_edge.safetensors")
    segmenter = PointSegmenter.from_checkpoint(args.checkpoint, args.device, args.threads, args.backend)
    label_set, name = segmenter.metadata.label_set, segmenter.metadata.model_id
    sequences = open_sweeps([args.data], args.sequence)
    chosen = [(sequence, sweep_id) for sequence in sequences for sweep_id in sequence.sweep_ids[args.frames]]
    if not args.save_predictions:
        chosen = [(sequence, sweep_id) for sequence, sweep_id in chosen if sweep_id in sequence.labelled_ids]
    if not chosen:
        raise SscError(
            f"sequence {' '.join(args.sequence)} of {args.data} has no labels in the frames asked for; "
            "--save-predictions OUT predicts without them"
        )
    segmenter.warm_up()
    confusion, milliseconds, scored = Confusion(len(label_set)), [], 0
    for sequence, sweep_id in track(chosen, "evaluate"):
        points = sequence.points(sweep_id)
        start = time.perf_counter()
        labels = segmenter.segment(points, votes=args.votes).labels
        milliseconds.append(1e3 * (time.perf_counter() - start))
        if args.save_predictions:
            write_point_prediction(args.save_predictions, sequence.name, sweep_id, label_set.raw_from_train(labels))
        if sweep_id in sequence.labelled_ids:
            confusion.add(labels, label_set.train_from_raw_points(sequence.labels(sweep_id)))
            scored += 1
    if not scored:
        print(f"no labels, so no scores: {len(chosen)} predictions in {args.save_predictions}")
        return 0
    title = f"{name} on {' '.join(args.sequence)}"
    config = {
        "data": str(args.data), "sequences": args.sequence, "votes": args.votes,
        "checkpoint": str(args.checkpoint), "checkpoint_sha256": sha256(args.checkpoint),
    }  # fmt: skip
    scores = {"IoU": point_scores(confusion)}
    publish(PointReport(title, label_set, scores, scored, median(milliseconds), config, provenance()), args.results)
    return 0


def publish(report: PointReport, results: Path) -> None:
    """Write a report to a new folder of `results`, and show it on the terminal."""
    from rich.console import Console

    from ssc_ros.evaluation.results import new_result_folder, point_latest_at

    folder = new_result_folder(results, report.title.replace(" ", "-"))
    report.write(folder)
    point_latest_at(folder)
    console = Console()
    console.print(report.table())
    console.print(f"results in {folder}", soft_wrap=True, highlight=False)
