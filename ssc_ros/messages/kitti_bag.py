"""A SemanticKITTI sequence as a rosbag2 bag, ground truth included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ssc_ros.core import SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.bag_writer import open_bag
from ssc_ros.messages.encoder import MessageEncoder
from ssc_ros.messages.grid_cdr import grid_encoder
from ssc_ros.messages.kitti_messages import estimated_size, kitti_records
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.typestore import load_typestore


def convert(
    sequence: KittiSequence,
    path: Path,
    frame_ids: Sequence[str],
    storage: str = "mcap",
    with_truth: bool = True,
    with_points: bool = True,
    replace: bool = False,
) -> None:
    """Write frames of a sequence as a bag, with a progress bar on the terminal.

    Args:
        sequence: where the frames are.
        path: folder of the bag; it appears when it is complete.
        frame_ids: which frames, in the order of time.
        storage: "mcap" or "sqlite3".
        with_truth: whether to include the ground truth of frames that have one.
        with_points: whether to include the LiDAR sweeps.
        replace: put the new bag in the place of an existing one.

    Raises:
        SscError: no frames, unreadable frames, or a bag that cannot be written.
    """
    if not frame_ids:
        raise SscError(f"no frames chosen: sequence {sequence.name} has {len(sequence.frame_ids)}, counted from 0")
    encoder = MessageEncoder(load_typestore())
    encode_truth = grid_encoder(encoder) if with_truth else None
    size = estimated_size(sequence, len(frame_ids))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
        open_bag(path, encoder.store, storage, size, replace) as bag,
    ):
        task = progress.add_task(f"sequence {sequence.name}", total=len(frame_ids))
        for record in kitti_records(sequence, encoder, frame_ids, encode_truth, with_points):
            bag.write(record)
            if record.topic == TOPICS.right_image:
                progress.advance(task)
