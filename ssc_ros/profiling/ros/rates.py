"""The node at several rates: what is sent, and what all runs have found."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ssc_ros.core import Frame
from ssc_ros.evaluation.results import provenance
from ssc_ros.profiling.frames import EncodedFrame
from ssc_ros.profiling.machine import machine
from ssc_ros.profiling.ros.made_up import noise, noise_points
from ssc_ros.profiling.ros.result import Result
from ssc_ros.profiling.ros.run import Load, run
from ssc_ros.profiling.setting import Setting


def sent_frame(encoded: EncodedFrame | None, *, with_points: bool) -> tuple[Frame, str]:
    """What is sent, and a description for people; a frame without a sweep gets one of noise.

    Args:
        encoded: a frame of a data set or of the simulator; None: stereo of noise.
        with_points: send a sweep.
    """
    frame, source = (noise(), "noise") if encoded is None else (encoded.frame, encoded.source)
    points = None
    if with_points:
        points = noise_points() if frame.points is None else frame.points
    height, width = frame.rig.image_size
    sweep = "" if points is None else f" and {len(points):,} points"
    return replace(frame, points=points), f"stereo of {width} x {height}{sweep}, {source}"


def run_rates(load: Load, rates: Sequence[float], frame: Frame, source: str, console: Console) -> Result:
    """Send a frame to the node at each of some rates.

    Args:
        load: what the node has to do; its rate does not matter.
        rates: frames per second.
        frame: what is sent.
        source: what it is, for people.
        console: where progress goes.

    Raises:
        SscError: one of the processes failed; the end of its log goes to stderr.
    """
    runs = []
    for hz in rates:
        with console.status(f"{load.seconds:g} s at {hz:g} Hz"), tempfile.TemporaryDirectory() as folder:
            runs.append(run(replace(load, hz=hz), frame, Path(folder)))
    return Result(_description(load), source, runs, machine=machine(), provenance=provenance())


def _description(load: Load) -> str:
    """What is measured, for people."""
    what = f"a network of {load.work_ms:g} ms"
    if load.checkpoint is not None:
        what = Setting(str(load.checkpoint), load.backend, load.threads, load.device).name
    return f"{what}, {load.parallel_frames} frames at once" if load.parallel_frames > 1 else what
