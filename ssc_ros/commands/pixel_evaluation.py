"""What `ssc-ros evaluate --task pixels` does: classes of pixels against the labels of the LiDAR points in them."""

from __future__ import annotations

import argparse
import time
from statistics import median


def evaluate_pixels(args: argparse.Namespace) -> int:
    """Segment the left images of sequences and score them at the labelled points that the camera sees.

    Args:
        args: of `ssc-ros evaluate`.

    Returns:
        Exit status 0.

    Raises:
        SscError: no checkpoint that gives classes to pixels, or no labelled sweeps.
    """
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from ssc_ros.core import SscError
    from ssc_ros.data.semantic_kitti import SemanticKitti
    from ssc_ros.evaluation.camera_points import MINIMUM, REGIONS, seen_points
    from ssc_ros.evaluation.confusion import Confusion
    from ssc_ros.evaluation.point_report import COUNTED_IN_IMAGES, PointReport
    from ssc_ros.evaluation.points import point_scores
    from ssc_ros.evaluation.results import new_result_folder, point_latest_at, provenance, sha256
    from ssc_ros.inference.image_segmenter import ImageSegmenter

    if args.checkpoint is None:
        raise SscError("name what gives classes to pixels: --checkpoint models/segmenter.safetensors")
    segmenter = ImageSegmenter.from_checkpoint(args.checkpoint, args.device, args.threads)
    label_set, name = segmenter.metadata.label_set, segmenter.metadata.model_id
    sequences = SemanticKitti(args.data, args.sequence).sequences
    chosen = [
        (sequence, frame_id)
        for sequence in sequences
        for frame_id in sequence.frame_ids[args.frames]
        if (sequence.path / "labels" / f"{frame_id}.label").exists()
    ]
    if not chosen:
        raise SscError(
            f"sequence {' '.join(args.sequence)} of {args.data} has no labels/*.label in the frames asked for"
        )
    confusions, milliseconds = {region: Confusion(len(label_set)) for region in REGIONS}, []
    for sequence, frame_id in track(chosen, "evaluate"):
        frame = sequence.frame(frame_id)
        assert frame.points is not None, "labels of points come with the points"
        start = time.perf_counter()
        image = segmenter.segment(frame)
        milliseconds.append(1e3 * (time.perf_counter() - start))
        pixels, depth = frame.rig.project(frame.points[:, :3])
        seen = seen_points(pixels, depth, frame.rig.image_size)
        predicted = image.classes(pixels[seen])
        truth = label_set.train_from_raw_points(sequence.point_labels(frame_id))[seen]
        distance = np.linalg.norm(frame.points[seen, :3], axis=1)
        for region, reach in REGIONS.items():
            confusions[region].add(predicted, truth, distance <= reach)
    title = f"{name} on {' '.join(args.sequence)}"
    config = {
        "data": str(args.data), "sequences": args.sequence,
        "checkpoint": str(args.checkpoint), "checkpoint_sha256": sha256(args.checkpoint),
    }  # fmt: skip
    scores = {region: point_scores(confusion, MINIMUM) for region, confusion in confusions.items()}
    folder = new_result_folder(args.results, title.replace(" ", "-"))
    report = PointReport(
        title, label_set, scores, len(chosen), median(milliseconds), config, provenance(), MINIMUM, COUNTED_IN_IMAGES
    )
    report.write(folder)
    point_latest_at(folder)
    console = Console()
    console.print(report.table())
    console.print(f"results in {folder}", soft_wrap=True, highlight=False)
    return 0
