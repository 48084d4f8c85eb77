"""Score the runs of an ablation of point segmentation on another data set, and write that table of docs/results.md.

  python benchmarks/elsewhere.py polarnet --data ~/kitti --sequences 00 01 03 08    # after benchmarks/ablation.py

Nothing is trained. The table goes between the markers `ablation NAME elsewhere`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ablation import ABLATIONS, Run, runs_of, score_table, write_table

from ssc_ros.data.sweeps import SweepSequence, open_sweeps
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.points import point_scores
from ssc_ros.inference.segmenter import PointSegmenter


def score(run: Run, sequences: list[SweepSequence], votes: int) -> dict[str, float]:
    """Accuracy and mIoU of a run over all labelled sweeps of sequences."""
    segmenter = PointSegmenter.from_checkpoint(run.result)
    label_set = segmenter.metadata.label_set
    confusion = Confusion(len(label_set))
    for sequence in sequences:
        for sweep_id in sequence.labelled_ids:
            labels = segmenter.segment(sequence.points(sweep_id), votes=votes).labels
            confusion.add(labels, label_set.train_from_raw_points(sequence.labels(sweep_id)))
    scores = point_scores(confusion)
    print(f"{run.folder.name}: accuracy {100 * scores.accuracy:.2f} mIoU {100 * scores.miou:.2f}", flush=True)
    return {"accuracy": scores.accuracy, "miou": scores.miou}


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ablation", choices=sorted(ABLATIONS))
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="data set with labelled sweeps")
    parser.add_argument("--sequences", nargs="+", default=["00", "01", "03", "08"], metavar="NN")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="folder of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=500, help="optimiser steps of each run (default: 500)")
    parser.add_argument("--votes", type=int, default=1, help="mirror images of a sweep that vote (default: 1)")
    args = parser.parse_args()
    sequences = open_sweeps([args.data], args.sequences)
    runs = [run for run in runs_of(args.ablation, args.runs.resolve(), args.steps, args.seeds) if run.result.exists()]
    lines = list(score_table([(run.variant, score(run, sequences, args.votes)) for run in runs]))
    write_table(f"{args.ablation} elsewhere", lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
