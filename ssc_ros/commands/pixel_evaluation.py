"""What `ssc-ros evaluate --task pixels` does: classes of pixels against the labels of the LiDAR points in them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from ssc_ros.commands.point_evaluation import publish

if TYPE_CHECKING:
    from ssc_ros.data.semantic_kitti import KittiSequence
    from ssc_ros.evaluation.confusion import Confusion
    from ssc_ros.inference.image_segmenter import ImageSegmenter


def evaluate_pixels(args: argparse.Namespace) -> int:
    """Segment the left images of sequences and score them at the labelled points that the camera sees.

    Args:
        args: of `ssc-ros evaluate`.

    Returns:
        Exit status 0.

    Raises:
        SscError: no checkpoint that gives classes to pixels, or no labelled sweeps.
    """
    from rich.progress import track

    from ssc_ros.core import SscError
    from ssc_ros.data.semantic_kitti import SemanticKitti
    from ssc_ros.evaluation.camera_points import MINIMUM, REGIONS
    from ssc_ros.evaluation.confusion import Confusion
    from ssc_ros.evaluation.point_report import COUNTED_IN_IMAGES, PointReport
    from ssc_ros.evaluation.points import point_scores
    from ssc_ros.evaluation.results import provenance, sha256
    from ssc_ros.inference.image_segmenter import ImageSegmenter

    if args.checkpoint is None:
        raise SscError("name what gives classes to pixels: --checkpoint models/segmenter.safetensors")
    segmenter = ImageSegmenter.from_checkpoint(args.checkpoint, args.device, args.threads)
    chosen = _labelled(SemanticKitti(args.data, args.sequence).sequences, args.frames)
    names, label_set = " ".join(args.sequence), segmenter.metadata.label_set
    if not chosen:
        raise SscError(f"sequence {names} of {args.data} has no labels/*.label in the frames asked for")
    confusions = {region: Confusion(len(label_set)) for region in REGIONS}
    milliseconds = [_count(segmenter, *frame, confusions) for frame in track(chosen, "evaluate")]
    config = {
        "data": str(args.data), "sequences": args.sequence,
        "checkpoint": str(args.checkpoint), "checkpoint_sha256": sha256(args.checkpoint),
    }  # fmt: skip
    report = PointReport(
        title=f"{segmenter.metadata.model_id} on {names}",
        label_set=label_set,
        scores={region: point_scores(confusion, MINIMUM) for region, confusion in confusions.items()},
        sweeps=len(chosen),
        median_ms=median(milliseconds),
        config=config,
        provenance=provenance(),
        least=MINIMUM,
        note=COUNTED_IN_IMAGES,
    )
    publish(report, args.results)
    return 0


def _labelled(sequences: Sequence[KittiSequence], frames: slice) -> list[tuple[KittiSequence, str]]:
    """Return the frames whose points have labels."""
    return [
        (sequence, frame_id)
        for sequence in sequences
        for frame_id in sequence.frame_ids[frames]
        if (sequence.path / "labels" / f"{frame_id}.label").exists()
    ]


def _count(
    segmenter: ImageSegmenter, sequence: KittiSequence, frame_id: str, confusions: Mapping[str, Confusion]
) -> float:
    """Add a frame to the counts of all regions and return the time of its segmentation [ms]."""
    import numpy as np

    from ssc_ros.evaluation.camera_points import REGIONS, seen_points

    frame = sequence.frame(frame_id)
    assert frame.points is not None, "labels of points come with the points"
    start = time.perf_counter()
    image = segmenter.segment(frame)
    duration = 1e3 * (time.perf_counter() - start)
    pixels, depth = frame.rig.project(frame.points[:, :3])
    seen = seen_points(pixels, depth, frame.rig.image_size)
    predicted = image.classes(pixels[seen])
    truth = segmenter.metadata.label_set.train_from_raw_points(sequence.point_labels(frame_id))[seen]
    distance = np.linalg.norm(frame.points[seen, :3], axis=1)
    for region, reach in REGIONS.items():
        confusions[region].add(predicted, truth, distance <= reach)
    return duration
