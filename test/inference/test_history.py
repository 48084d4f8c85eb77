"""Past frames: which are taken, where they are, and what a network makes of them, remembered or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.core import Frame, poses
from ssc_ros.inference.history import MAX_SPEED, FrameHistory, Past, join, nearest_stamps
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.systems import SceneInputs
from ssc_ros.systems.spec import History

from .tiny_temporal import GRID, RIG, SECOND, SPEC, completer, drive, frame, network, pose, without_pose

SINGLE = replace(SPEC, history=History())


@given(
    st.lists(st.integers(0, 40), unique=True, max_size=20),
    st.integers(0, 45),
    st.integers(1, 4),
    st.sampled_from([0.5, 1.0, 1.5]),
    st.sampled_from([0.0, 0.1, 0.2]),
)
def test_the_nearest_frame_of_the_past_is_taken_if_it_is_near_enough(
    tenths: list[int], now: int, count: int, interval: float, tolerance: float
) -> None:
    """Against a loop over all frames, in tenths of a second, which are exact here."""
    stamps = [t * SECOND // 10 for t in tenths]
    chosen = nearest_stamps(stamps, now * SECOND // 10, History(count, interval, tolerance))
    assert len(chosen) == count
    for k, index in enumerate(chosen, start=1):
        wished = now - round(10 * k * interval)
        away = {t: abs(t - wished) for t in tenths if t < now and abs(t - wished) <= round(10 * tolerance)}
        if index is None:
            assert not away
        else:
            assert away[tenths[index]] == min(away.values())


def inputs_of(*frames: Frame) -> list[SceneInputs]:
    prepare = InputPreparer(SPEC)
    return [prepare(seen) for seen in frames]


def test_past_projections_are_those_of_the_past_cameras() -> None:
    """A point of the world falls on the pixel that the rig of the past frame says."""
    now, past = frame(1.0, pose(5.0, 0.6, 1.0)), frame(0.5, pose(3.5, 0.4, 1.5))
    here, there = inputs_of(now, past)
    T_past_now = poses.inverse(past.T_world_grid) @ now.T_world_grid
    joined = join(here, [None, Past(there, T_past_now)], SPEC)
    assert joined["past_valid"].tolist() == [False, True]
    assert not joined["past_projection"][0].any()
    assert not joined["past_image"][0].any()
    assert torch.equal(joined["past_image"][1], there["image"])
    world = poses.apply(past.T_world_grid, np.random.default_rng(0).uniform((3, -3, -1), (30, 3, 1), (200, 3)))
    in_past, in_now = (poses.apply(poses.inverse(f.T_world_grid), world) for f in (past, now))
    pixels, depth = RIG.resized(*SPEC.image_size).project(in_past)
    seen = torch.from_numpy(np.c_[in_now, np.ones(200)]) @ joined["past_projection"][1].double().T
    np.testing.assert_allclose(seen[:, 2], depth, rtol=1e-4)
    np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], pixels, atol=1e-3)


def test_past_points_lie_where_they_were_in_the_world() -> None:
    now, past = frame(1.0, pose(2.0, 0.3)), frame(0.5, pose(0.5, -0.2))
    here, there = inputs_of(now, past)
    T_past_now = poses.inverse(past.T_world_grid) @ now.T_world_grid
    merged = join(here, [Past(there, T_past_now)], SPEC)["stereo_points"].numpy()
    own = here["stereo_points"].numpy()
    np.testing.assert_array_equal(merged[: len(own)], own)
    expected = poses.apply(poses.inverse(T_past_now), there["stereo_points"])
    lower, upper = np.array(GRID.min_corner) - 1e-5, np.array(GRID.max_corner) + 1e-5
    expected = expected[((expected > lower) & (expected < upper)).all(axis=1)]
    assert 0 < len(expected) < len(there["stereo_points"])
    np.testing.assert_allclose(merged[len(own) :], expected, atol=1e-4)
    assert merged.dtype == np.float32


def test_a_network_of_single_frames_gets_what_was_prepared() -> None:
    (here,) = inputs_of(frame(0.0, None))
    assert join(here, (), SINGLE) is here


def test_what_is_missing_is_blank() -> None:
    (here,) = inputs_of(frame(0.0, None))
    alone = join(here, (), SPEC)
    assert alone.keys() - here.keys() == {"past_image", "past_projection", "past_valid"}
    assert alone["past_image"].shape == (2, 3, 24, 80)
    assert alone["past_image"].dtype == torch.uint8
    remembered = join(here, (), SPEC, torch.ones(4, 6, 20))
    assert remembered.keys() - here.keys() == {"past_memory", "past_projection", "past_valid"}
    assert torch.equal(remembered["past_memory"], torch.zeros(2, 4, 6, 20))
    assert torch.equal(alone["stereo_points"], here["stereo_points"])


@pytest.mark.parametrize("memory", [True, False])
def test_remembered_frames_are_as_good_as_images(memory: bool) -> None:
    """Logits of a stream, whose past is remembered, against those of samples made of images; 1e-5."""
    made, frames = network(memory=memory), drive()
    stream, outputs = completer(made), []
    made.register_forward_hook(lambda module, inputs, output: outputs.append(output.scene.half[0]))
    for seen in frames:
        stream.complete(seen)
    assert made.passes == (len(frames) + 2 if memory else 3 * len(frames))  # two blanks in the very first frame
    prepared = inputs_of(*frames)
    for i, seen in enumerate(frames):
        past = []
        for k in (i - 5, i - 10):  # half a second and a second before, at ten frames per second
            T_past_now = poses.inverse(frames[k].T_world_grid) @ seen.T_world_grid
            past.append(Past(prepared[k], T_past_now) if k >= 0 else None)
        sample = {key: value[None] for key, value in join(prepared[i], past, SPEC).items()}
        torch.testing.assert_close(outputs[i], made(sample).scene.half[0], atol=1e-5, rtol=0)
    assert stream.past_frames == 2
    alone = completer(made)
    alone.complete(frames[-1])
    assert not torch.allclose(outputs[len(frames) - 1], outputs[-1], atol=1e-3)  # and the past does matter


@pytest.mark.parametrize("remembers", [True, False])
def test_an_observed_frame_is_worth_a_completed_one(remembers: bool) -> None:
    frames = drive()
    completed, observed = (completer(network(remembers=remembers)) for _ in range(2))
    for seen in frames[:-1]:
        completed.complete(seen)
        observed.observe(seen)
    expected, found = (each.complete(frames[-1]) for each in (completed, observed))
    assert completed.past_frames == observed.past_frames == 2
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.confidence, expected.confidence)


def test_a_network_of_single_frames_observes_nothing() -> None:
    made = network(spec=SINGLE)
    completer(made).observe(frame(0.0, pose(0.0)))
    assert made.passes == 0


def history_of(*frames: Frame) -> FrameHistory:
    """A history that remembers frames by their stamps."""
    history = FrameHistory(SPEC.history)
    for seen in frames:
        history.add(seen.stamp, seen.T_world_grid, {"stamp": torch.tensor(seen.stamp)})
    return history


def stamps_of(history: FrameHistory, seen: Frame) -> list[float | None]:
    """Stamps of the past frames of a frame [s]."""
    past = history.past(seen.stamp, seen.T_world_grid)
    return [frame and round(frame.inputs["stamp"].item() / SECOND - 1, 6) for frame in past]


def test_frames_are_found_at_their_times_and_gaps_find_nothing() -> None:
    frames = drive(11)
    assert stamps_of(history_of(*frames[:-1]), frames[-1]) == [0.5, 0.0]
    assert stamps_of(history_of(*frames[6:-1]), frames[-1]) == [None, None]
    assert stamps_of(history_of(*frames[:3]), frames[-1]) == [None, 0.0]
    late = frame(60.0, pose(60.0))
    history = history_of(*frames)
    assert stamps_of(history, late) == [None, None]
    assert len(history) == 11  # a gap is no reason to forget; age is
    history.add(late.stamp, late.T_world_grid, {})
    assert len(history) == 1


def test_a_frame_that_comes_twice_is_not_its_own_past() -> None:
    frames = drive(6)
    history = history_of(*frames)
    assert stamps_of(history, frames[-1]) == [0.0, None]
    history.add(frames[-1].stamp, frames[-1].T_world_grid, {"stamp": torch.tensor(0)})
    assert len(history) == 6


def test_memory_is_bounded_whatever_the_rate() -> None:
    frames = [frame(0.002 * i, pose(0.002 * i)) for i in range(1500)]
    history = history_of(*frames)
    assert 20 < len(history) < 60  # a second, in steps of half the tolerance
    half, whole = stamps_of(history, frames[-1])
    assert abs(half - 2.498) < 0.025
    assert abs(whole - 1.998) < 0.025


FAST = MAX_SPEED / 10


@pytest.mark.parametrize(
    ("seconds", "T_world_grid", "kept"),
    [
        (0.3, pose(0.3, 0.06), True),
        (0.3, pose(0.2, 0.04, 0.95 * FAST), True),
        (0.3, pose(0.2, 0.04, 1.05 * FAST), False),  # the pose jumped
        (0.3, pose(0.2, 2.0), False),  # it turned on the spot
        (10.0, pose(0.2, 2.0, 20.0), True),  # there was time to go there
        (0.3, None, False),
        (0.1, pose(0.1, 0.02), False),  # time went back
    ],
)
def test_what_has_lost_its_place_is_forgotten(
    seconds: float, T_world_grid: NDArray[np.float64] | None, kept: bool
) -> None:
    frames = drive(3)
    for use in ("past", "add"):
        history = history_of(*frames)
        seen = frame(seconds, T_world_grid)
        if use == "past":
            history.past(seen.stamp, T_world_grid)
            assert len(history) == (3 if kept else 0)
        else:
            history.add(seen.stamp, T_world_grid, {"stamp": torch.tensor(seen.stamp)})
            assert (stamps_of(history, replace(seen, stamp=seen.stamp + 1)) == [None, None]) or kept
            assert (len(history) > 1) == (kept and seconds < 1)


def test_a_completer_goes_on_without_poses_and_recovers() -> None:
    frames = drive(30)
    made = network()
    stream, used = completer(made), []
    for i, seen in enumerate(frames):
        stream.complete(without_pose(seen) if 12 <= i < 15 else seen)
        used.append(stream.past_frames)
    assert used == [0] * 5 + [1] * 5 + [2] * 2 + [0] * 3 + [0] * 5 + [1] * 5 + [2] * 5
    assert made.passes == 30 + 2  # frames without a pose cost no more than others
    alone = completer(network())
    lost = stream.complete(without_pose(frames[-1]))
    np.testing.assert_array_equal(lost.confidence, alone.complete(frames[-1]).confidence)
    stream.forget()
    assert stream.history.count == 2


def test_one_sequence_does_not_leak_into_the_next() -> None:
    frames = drive(11)
    stream, fresh = completer(network()), completer(network())
    for seen in frames:
        stream.complete(seen)
    stream.forget()
    again = replace(frames[-1], stamp=frames[-1].stamp + SECOND // 2)
    np.testing.assert_array_equal(stream.complete(again).confidence, fresh.complete(again).confidence)
    assert stream.past_frames == 0


def test_warming_up_leaves_nothing_behind() -> None:
    stream = completer(network())
    stream.warm_up()
    stream.complete(frame(0.5, pose(0.0)))
    assert stream.past_frames == 0
