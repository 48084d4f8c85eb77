"""The check of pair and mount while the node runs, on made pairs and a made clock."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ssc_ros.assembly.stereo_watch import ENOUGH_MOUNTS, ENOUGH_PAIRS, StereoWatch
from ssc_ros.core import GRID_HEIGHT, Frame

from .doctor.made_rig import MadeRig

RIG = MadeRig.of(height=1.2, pitch=8.0, roll=-3.0)
LEFT, RIGHT = RIG.pair()


class Watched:
    """A watch with its warnings and its clock."""

    def __init__(self) -> None:
        self.time = SimpleNamespace(now=0.0)
        self.warnings: list[str] = []
        self.watch = StereoWatch(self.warnings.append, clock=lambda: self.time.now)

    def look(self, frame: Frame, times: int) -> None:
        for _ in range(times):
            self.time.now += 10.0
            assert self.watch.due(10.0)
            self.watch.look(frame)


def frame(pitch: float = 0.0, lower: float = 0.0) -> Frame:
    """A frame whose extrinsics are wrong by a pitch [degrees], or by a grid frame that is too low [m]."""
    pose = MadeRig.of(1.2, 8.0 + pitch, -3.0).rig.T_grid_camera.copy()
    pose[2, 3] += lower - GRID_HEIGHT
    return Frame(0, LEFT, RIGHT, replace(RIG.rig, T_grid_camera=pose))


def test_a_good_mount_is_confirmed_in_silence() -> None:
    watched = Watched()
    watched.look(frame(), ENOUGH_MOUNTS)
    assert watched.warnings == []
    assert watched.watch.complaint == ""
    assert watched.watch.mount is not None
    assert abs(watched.watch.mount.height - 1.2) < 0.03


@pytest.mark.parametrize("wrong", [frame(pitch=2.0), frame(lower=GRID_HEIGHT), frame(lower=0.25)])
def test_wrong_extrinsics_are_said_after_five_looks_and_then_now_and_then(wrong: Frame) -> None:
    watched = Watched()
    watched.look(wrong, ENOUGH_MOUNTS - 1)
    assert watched.warnings == []
    watched.look(wrong, 3)
    assert len(watched.warnings) == 1
    assert "camera.extrinsics" in watched.warnings[0]
    assert "m above the ground, pitch" in watched.warnings[0]
    watched.look(wrong, 5)
    assert len(watched.warnings) == 2


def test_a_wrong_pair_is_said_and_nothing_of_the_mount() -> None:
    watched = Watched()
    swapped = replace(frame(lower=GRID_HEIGHT), left=RIGHT, right=LEFT)
    watched.look(swapped, ENOUGH_PAIRS)
    assert len(watched.warnings) == 1
    assert "swapped" in watched.watch.complaint
    watched.watch.forget()
    assert (watched.watch.complaint, watched.watch.pair) == ("", None)


def test_one_bad_frame_is_no_complaint() -> None:
    watched = Watched()
    watched.look(frame(), 2)
    watched.look(replace(frame(), right=np.zeros_like(RIGHT)), 1)
    watched.look(frame(), 2)
    assert watched.warnings == []


def test_frames_are_looked_at_once_in_a_period() -> None:
    watched = Watched()
    assert not watched.watch.due(10.0)
    watched.time.now = 10.0
    assert not watched.watch.due(0.0)
    assert watched.watch.due(10.0)
    assert not watched.watch.due(10.0)


def test_a_look_that_fails_costs_nothing_else() -> None:
    watched = Watched()
    watched.watch.look(SimpleNamespace(left=None))  # type: ignore[arg-type]
    assert "cannot be checked" in watched.warnings[0]
    watched.look(frame(), 1)
    assert watched.watch.pair is not None
