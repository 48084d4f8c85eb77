"""Counts, times and usages by closed forms; what is sent; the file read back."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ssc_ros.core import SscError, StereoRig
from ssc_ros.profiling.ros.made_up import OPTICAL, RIG, noise
from ssc_ros.profiling.ros.said import MARK, said, say
from ssc_ros.profiling.ros.usage import Sample, Usage, sample

pytest.importorskip("rclpy")

from ssc_ros.profiling.ros.publisher import FrameSource
from ssc_ros.profiling.ros.result import Result, Run, Tail, dropped

MS = 1_000_000
FRAMES = 30


def told(
    grids: Sequence[int] = range(20), drops: Mapping[str, int] | None = None
) -> tuple[list[tuple[int, int]], list[tuple[str, Any]]]:
    """Frames at 100 ms, each sent after 2 ms; grids after 30 ms, of which the node took 1 + 2 + 20 + 3 ms."""
    sent = [(100 * MS * i, 100 * MS * i + 2 * MS) for i in range(FRAMES)]
    lines = []
    for i in grids:
        lines += [("grid", [100 * MS * i, (100 * i + 30) * MS]), ("total", 26.0)]
        lines += [("waiting", 1.0), ("conversion", 2.0), ("publication", 3.0)]
    return sent, [*lines, ("drops", {"busy": 99}), ("drops", {"busy": 4} if drops is None else drops)]


def test_what_the_processes_say_is_put_together() -> None:
    usage = [Sample(i * 1000 * MS, 5 + 0.25 * i, 100 + i, 200) for i in range(3)]
    run = Run.of(10.0, *told(), {"node": usage})
    assert (run.sent, run.published, run.arrived, run.drops, run.lost) == (30, 20, 20, {"busy": 4}, 6)
    assert run.throughput == pytest.approx(10)
    assert run.processes == {"node": Usage(0.25, 101, 200, 1)}
    expected = {
        "stamp to sent": 2, "stamp to arrival at the subscriber": 30, "arrival in the node to publication": 26,
        "inference": 20, "beside inference": 6, "beside inference: waiting": 1, "beside inference: conversion": 2,
        "beside inference: publication": 3,
    }  # fmt: skip
    assert {name: tail.p50 for name, tail in run.times.items()} == expected
    assert all(tail.p50 == tail.p95 == tail.p99 for tail in run.times.values())
    assert run.times["inference"].count == 20 - 10


def test_what_is_missing_is_said() -> None:
    sent, lines = told()
    lines.remove(("waiting", 1.0))
    with pytest.raises(SscError, match="reports"):
        Run.of(10.0, sent, lines, {})
    with pytest.raises(SscError, match="30 frames were sent, but 1 grids arrived"):
        Run.of(10.0, *told(grids=[0]), {})
    with pytest.raises(SscError, match="too short"):
        Run.of(10.0, *told(), {"node": [Sample(0, 0.0, 100, 100), Sample(10**12, 0.0, 100, 100)]})


def test_a_pair_without_its_cloud_is_one_frame_and_a_cloud_is_none() -> None:
    assert dropped({"busy": 3, "unpaired": 2, "no_cloud": 8, "cloud_late": 50, "pose_missing": 7}) == 3 + 2 + 4


def test_percentiles_of_a_ladder() -> None:
    assert Tail.of(np.arange(101.0)) == Tail(50, 95, 99, 101)


def test_growth_is_between_quarters_and_cpu_is_over_the_whole_time() -> None:
    memory = [500, 500, 100, 101, 300, 300, 103, 105]
    samples = [Sample(500 * MS * i, i, value, 600) for i, value in enumerate(memory)]
    assert Usage.of(samples) == Usage(cpu=2.0, resident=202.5, peak=600, growth=104 - 100.5)


HOLDER = """
import sys
print("begun", flush=True)
sys.stdin.readline()
held = b"1" * 20_000_000
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_process_is_as_large_as_what_it_holds_and_one_that_has_ended_is_nothing() -> None:
    """A process of its own: this one may have freed as much before, and then it does not grow."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        (before,) = sample(process.pid)
        process.stdin.write("\n")
        assert process.stdout.readline() == "held\n"
        (after,) = sample(process.pid)
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert sample(process.pid) == []  # a zombie
    assert sample(process.pid) == []
    assert 19 < after.resident - before.resident < 40
    assert after.peak >= after.resident
    assert after.cpu >= before.cpu


def test_frames_are_stamped_by_the_clock_and_arrive_as_they_were() -> None:
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import Image, PointCloud2

    frame = noise(StereoRig(RIG.camera_matrix, 0.5, (48, 64), OPTICAL), 100)
    now = 1_700_000_000_123_456_789
    source = FrameSource(frame, hz=8, count=3, clock=lambda: now)
    records = list(source.records())
    kinds = {record.topic: record.msgtype for record in records}
    assert kinds == dict(source.types)
    assert [record.stamp for record in records[:: len(kinds)]] == [now, now + 125 * MS, now + 250 * MS]
    assert source.sent == [(now + i * 125 * MS, now) for i in range(3)]
    last = {record.topic: record for record in records}
    image = deserialize_message(last["/right/image_rect"].data, Image)
    assert image.header.stamp.sec * 10**9 + image.header.stamp.nanosec == now + 250 * MS
    np.testing.assert_array_equal(np.frombuffer(image.data, np.uint8).reshape(48, 64, 3), frame.right)
    cloud = deserialize_message(last["/points"].data, PointCloud2)
    np.testing.assert_array_equal(np.frombuffer(cloud.data, np.float32).reshape(-1, 4), frame.points)


def test_lines_are_found_in_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say("grid", (1, 2))
    log = tmp_path / "log"
    log.write_text("[INFO] hello\n" + capsys.readouterr().out + f'{MARK}["dro')
    assert list(said(log)) == [("grid", [1, 2])]


def test_the_file_can_be_read_back_and_the_table_has_every_rate() -> None:
    usage = {"node": [Sample(i * MS, i, 100, 200) for i in range(3)]}
    runs = [Run.of(hz, *told(), usage) for hz in (10.0, 20.0)]
    result = Result("a network", "noise", runs, machine=dict.fromkeys(("cpu", "cores", "load", "software"), "m"))
    assert Result.from_json(result.to_json()) == result
    out = io.StringIO()
    Console(file=out, width=160).print(result.table())
    for fact in ("10 Hz", "20 Hz", "4 busy", "30.0 / 30.0 / 30.0", "inference [ms]", "node: resident memory [MB]"):
        assert fact in out.getvalue()
    other = json.loads(result.to_json()) | {"format": "other"}
    with pytest.raises(ValueError, match="format"):
        Result.from_json(json.dumps(other))
