"""Recorded drives in the order of time: each frame has its past before it, and nothing of another drive."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI, Frame
from ssc_ros.inference.stream import stream
from ssc_ros.systems.spec import History

from .tiny_temporal import GRID, completer, drive, network

FRAMES = drive(30)


@dataclass
class Drive:
    """Thirty frames of three seconds, labelled at some."""

    name: str = "00"
    read: list = field(default_factory=list)
    grid, label_set, voxel_ids = GRID, SEMANTIC_KITTI, ()
    frame_ids = tuple(f"{i:06d}" for i in range(30))

    def stamp(self, frame_id: str) -> int:
        return FRAMES[int(frame_id)].stamp

    def frame(self, frame_id: str, with_points: bool = True) -> Frame:
        self.read.append(int(frame_id))
        return FRAMES[int(frame_id)]

    def target(self, frame_id: str) -> NDArray[np.uint8]:
        raise NotImplementedError


def ids(*numbers: int) -> list[str]:
    return [f"{i:06d}" for i in numbers]


def test_a_frame_is_predicted_as_in_the_whole_drive_whichever_others_are_wanted() -> None:
    made = completer(network())
    whole = {f.stamp: made.complete(f).confidence for f in FRAMES}
    for wanted in (ids(21), ids(29, 3, 21), ids(*range(18, 30))):
        drives = Drive()
        for frame_id, frame in stream(made, drives, wanted):
            assert (made.complete(frame).confidence == whole[frame.stamp]).all()
            assert made.past_frames == (2 if int(frame_id) >= 10 else 0)
        assert drives.read == sorted(set(drives.read))
    assert drives.read == list(range(8, 30))


def test_only_what_is_needed_is_read() -> None:
    drives = Drive()
    assert [frame_id for frame_id, _ in stream(completer(network()), drives, ids(21, 3))] == ids(3, 21)
    assert drives.read == [3, 11, 16, 21]  # half a second and a second before 21
    for observer in (None, SimpleNamespace(history=History(), forget=lambda: None)):
        drives = Drive()
        assert [frame_id for frame_id, _ in stream(observer, drives, ids(21, 3))] == ids(3, 21)
        assert drives.read == [3, 21]


@pytest.mark.parametrize("gap", [0, 1])
def test_a_drive_begins_without_a_past(gap: int) -> None:
    """Even if it goes on, by stamps and poses, where the last one ended."""
    made = completer(network())
    for _, frame in stream(made, Drive(), ids(*range(25))):
        made.complete(frame)
    assert made.past_frames == 2
    _, first = next(stream(made, Drive("01"), ids(0)))
    made.complete(replace(first, stamp=FRAMES[25 + gap].stamp, T_world_grid=FRAMES[25 + gap].T_world_grid))
    assert made.past_frames == 0
