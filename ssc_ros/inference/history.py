"""Past frames beside the current one: which are taken, what they leave behind, and how all become one sample.

Training and deployment share `nearest_stamps`, which chooses, and `join`, which composes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import SceneGrid, poses
from ssc_ros.inference.inputs import blank_children, sightings_of
from ssc_ros.kernels.input_loops import mark_past_children
from ssc_ros.networks.loops import loop
from ssc_ros.systems.spec import History, InputSpec, SceneInputs

Matrix = NDArray[np.float64]

NANOSECONDS = 1e9

MAX_SPEED = 70.0
"""Faster [m/s] than what drives on a road: a pose that moves on faster has jumped."""

MAX_TURN = 10.0
"""Faster [rad/s] than what carries a camera turns."""


@dataclass(frozen=True)
class Past:
    """A past frame as the current one sees it.

    Attributes:
        inputs: what it left behind, unbatched: its `image` or its `memory`, its `projection`, and `stereo_points`
            where the network reads them; all in its own grid frame.
        T_past_now: (4, 4), current grid frame -> its grid frame.
    """

    inputs: SceneInputs
    T_past_now: Matrix


def join(now: SceneInputs, past: Sequence[Past | None], spec: InputSpec, blank: Tensor | None = None) -> SceneInputs:
    """One sample of the current frame and the past ones; all of it unbatched, as described at `SceneInputs`.

    Args:
        now: inputs of the current frame.
        past: of the network's history, the latest first; None where there is no such frame, as for all that are
            left out at the end.
        spec: of the network; where it reads no history, `now` is the sample.
        blank: a memory, for its shape: the past frames have left `memory` behind. None: they have left `image`.
    """
    if not spec.history.count:
        return now
    frames = [*past, *[None] * (spec.history.count - len(past))]
    key, like = ("image", now["image"]) if blank is None else ("memory", blank)
    joined = {
        **now,
        f"past_{key}": torch.stack([torch.zeros_like(like) if f is None else f.inputs[key] for f in frames]),
        "past_projection": torch.stack([_projection(f) for f in frames]),
        "past_valid": torch.tensor([f is not None for f in frames]),
    }
    if spec.history.measured:
        joined["past_voxels"] = past_voxels(joined, frames, spec)
        if spec.history.sighted:
            joined["past_sightings"] = past_sightings(joined, frames, spec)
        del joined["stereo_points"]
    elif "stereo_points" in now:
        moved = [_moved(f, spec.grid) for f in frames if f is not None]
        joined["stereo_points"] = torch.cat([now["stereo_points"], *moved])
    return joined


def past_voxels(now: SceneInputs, past: Sequence[Past | None], spec: InputSpec) -> Tensor:
    """Where past pairs have matched pixels, and this pair measures nothing else.

    What has moved on since it was measured leaves nothing behind, neither where this pair sees through it nor where it
    now hides where it was.

    Args:
        now: `projection` and `stereo_depth` of the current frame.
        past: frames with their `stereo_points`.
        spec: of the network.

    Returns:
        (8, X/2, Y/2, Z/2) uint8, children as in `to_children`.
    """
    view = now["projection"].numpy(), now["stereo_depth"].numpy(), np.array(spec.image_size), np.array(ANOTHER)
    origin, edges, children = blank_children(spec.grid)
    for frame in past:
        if frame is not None:
            points, T_now_past = frame.inputs["stereo_points"].numpy(), poses.inverse(frame.T_past_now)
            what = points, T_now_past, *view, origin, edges, children
            loop(lambda *part, what=what: mark_past_children(*part, *what), len(points))
    return torch.from_numpy(children)


def past_sightings(now: SceneInputs, past: Sequence[Past | None], spec: InputSpec) -> Tensor:
    """Which cells of the past images have seen what is in `past_voxels`.

    Args:
        now: `past_projection` and `past_voxels` of the current frame.
        past: frames with their `stereo_points`.
        spec: of the network.

    Returns:
        (N, 2) int32, see `inputs.sightings`; voxels ascend, and the cells of each image follow those of the one before.
    """
    cells, found = spec.context_size[0] * spec.context_size[1], [np.empty((0, 2), np.int32)]
    for k, frame in enumerate(past):
        if frame is not None:
            moved = poses.apply(poses.inverse(frame.T_past_now), frame.inputs["stereo_points"].numpy())
            projection = now["past_projection"][k].numpy()
            pairs = sightings_of(moved.astype(np.float32), projection, spec)
            pairs[pairs[:, 1] >= 0, 1] += k * cells
            found.append(pairs)
    pairs = np.concatenate(found)
    kept = now["past_voxels"].numpy().any(axis=0).flatten()[pairs[:, 0]]
    pairs = pairs[kept]
    return torch.from_numpy(pairs[np.argsort(pairs[:, 0], kind="stable")])


ANOTHER = 0.5, 0.05
"""How far from the depth that is seen now another one is, in metres and in shares of that depth."""


def _projection(past: Past | None) -> Tensor:
    """(3, 4) float32, current grid frame -> pixel of the past image."""
    if past is None:
        return torch.zeros(3, 4)
    return (past.inputs["projection"].double() @ torch.from_numpy(past.T_past_now)).float()


def _moved(past: Past, grid: SceneGrid) -> Tensor:
    """(N, 3) float32, points of a past frame in the current grid frame; those that have left the grid are dropped."""
    points = poses.apply(poses.inverse(past.T_past_now), past.inputs["stereo_points"].numpy()).astype(np.float32)
    return torch.from_numpy(points[grid.contains(grid.indices(points))])


def nearest_stamps(stamps: Sequence[int] | NDArray[np.int64], now: int, history: History) -> list[int | None]:
    """Which frames are a network's history, as indices into `stamps`, the latest first.

    Args:
        stamps: [ns] of the frames that there are, in any order; only those before `now` are taken.
        now: stamp of the current frame.
        history: what the network wants.

    Returns:
        For each past frame that is wished for, the one nearest to its time; None where none is near enough.
    """
    known = np.asarray(stamps, np.int64)
    (before,) = np.nonzero(known < now)
    chosen: list[int | None] = []
    for k in range(1, history.count + 1):
        away = np.abs(known[before] - (now - round(NANOSECONDS * k * history.interval)))
        near = len(away) > 0 and away.min() <= NANOSECONDS * history.tolerance
        chosen.append(int(before[away.argmin()]) if near else None)
    return chosen


@dataclass(frozen=True)
class _Trace:
    stamp: int
    T_world_grid: Matrix
    inputs: SceneInputs

    def seen_from(self, T_world_grid: Matrix) -> Past:
        """The frame as one with this pose sees it."""
        return Past(self.inputs, poses.inverse(self.T_world_grid) @ T_world_grid)


class FrameHistory:
    """What the frames of the last seconds have left behind, by stamp.

    It forgets everything where the past frames' places are no longer known: when time goes back, when a frame has no
    pose, and when the pose jumps (faster than `MAX_SPEED` or `MAX_TURN` since the frame before). A gap is no reason:
    then there is nothing to find at the stamps that are wished for.
    """

    def __init__(self, history: History) -> None:
        """Nothing is remembered.

        Args:
            history: which frames will be wished for; older ones are not kept.
        """
        self._history = history
        self._traces: deque[_Trace] = deque()

    def __len__(self) -> int:
        return len(self._traces)

    def forget(self) -> None:
        """Forget all frames."""
        self._traces.clear()

    def past(self, stamp: int, T_world_grid: Matrix | None) -> list[Past | None]:
        """The past frames of a current one, the latest first; None where there is none.

        Args:
            stamp: of the current frame [ns].
            T_world_grid: (4, 4) its pose, or None if that is not known.
        """
        self._check(stamp, T_world_grid)
        if T_world_grid is None:
            return [None] * self._history.count
        chosen = nearest_stamps([trace.stamp for trace in self._traces], stamp, self._history)
        return [None if i is None else self._traces[i].seen_from(T_world_grid) for i in chosen]

    def add(self, stamp: int, T_world_grid: Matrix | None, inputs: SceneInputs) -> None:
        """Remember a frame.

        Args:
            stamp: [ns]; of two frames of one stamp, the later replaces the earlier. Of frames that come faster than
                half the tolerance, some are dropped: memory is bounded whatever the camera's rate.
            T_world_grid: (4, 4) its pose; a frame without is not remembered.
            inputs: what it leaves behind, see `Past.inputs`.
        """
        self._check(stamp, T_world_grid)
        if T_world_grid is None:
            return
        kept, history = self._traces, self._history
        dense = len(kept) > 1 and stamp - kept[-2].stamp < NANOSECONDS * history.tolerance / 2
        if kept and (dense or kept[-1].stamp == stamp):
            kept.pop()
        kept.append(_Trace(stamp, T_world_grid, inputs))
        while stamp - kept[0].stamp > NANOSECONDS * (history.count * history.interval + history.tolerance):
            kept.popleft()

    def _check(self, stamp: int, T_world_grid: Matrix | None) -> None:
        """Forget what a frame of this stamp and pose puts an end to."""
        if not self._traces:
            return
        last = self._traces[-1]
        if T_world_grid is None or stamp < last.stamp or _jumped(last, stamp, T_world_grid):
            self.forget()


def _jumped(last: _Trace, stamp: int, T_world_grid: Matrix) -> bool:
    """Whether no vehicle moves from the last pose to this one in the time between; a frame may come twice."""
    seconds = (stamp - last.stamp) / NANOSECONDS
    motion = poses.inverse(last.T_world_grid) @ T_world_grid
    angle = poses.rotation(motion).magnitude()
    distance = np.linalg.norm(motion[:3, 3])
    return seconds > 0 and bool(distance > MAX_SPEED * seconds or angle > MAX_TURN * seconds)
