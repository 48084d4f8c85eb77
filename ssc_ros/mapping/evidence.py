"""What a completed grid says of a voxel of the map, and how long that counts: the model and its constants.

For each voxel the map keeps three numbers, all of them integers in the compiled loops.

Evidence e is the logarithm of the odds of occupied against empty, relative to the odds before anything was seen:

    e <- min(max(f(e) + w(d) s, -E_empty), E)                                            (1)

where E is E_occupied. For classes that move it is E_moving, and 0 where the camera sees an empty place: what could move
and is seen to be gone is gone. f is what has faded since the last update, (4), d is the distance of the voxel from the
grid's origin, and s is the step of a grid whose label has the probability p:

    s = -(logit(p) - p_0)                  the label is empty: the network's free space   (2a)
    s =  s_o                               a class, completed
    s =  s_o + s_m max(0, 1 - d / d_m)     a class, where stereo has measured a point     (2b)

    w(d) = g / (1 + d / d_0)   in the camera's view, v times that out of view             (3)

Beyond 12.8 m, neighbouring columns of things that stand still take turns once they are known: each counts every other
grid twice, which takes less time.

Steps are smaller than the log odds of a single grid, because consecutive grids make the same mistakes, and the farther
the smaller, so that a near look overrules the far looks before it. What the camera does not see says nothing against
what it has seen: out of view, a step counts only where |e| < E_unseen, and brings e to E_unseen at most. A voxel is
occupied from e >= e_0 on.

The class is decided by a majority vote in one pass (Boyer and Moore 1981): the class that is ahead, and by how much.
A grid's class counts round(1 + V w(d) p) votes, twice as many where it was measured. A voxel that is surely empty
(e = -E_empty) has no votes.

Evidence of something fades along a line, from E to zero; that of nothing stays:

    f(e) = max(0, e - E a / T)             where e > 0                                    (4)

For classes that move, a is the time since the last update and T is `moving_life`: what was a car a second ago is not an
obstacle any more. For all other voxels, a is the distance that the robot has travelled since and T is
`static_distance`: that is how odometry gets wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import LabelSet, SceneGrid
from ssc_ros.kernels.evidence import BANDS, NEAR_BANDS

UNIT = 1 / 32
"""Evidence of one step of the integers in the map [natural logarithm of odds]."""

BAND = 3.2
"""Depth of a distance band [m]: within one, distance counts as its middle."""

SECOND_TICKS, METRE_TICKS = 16, 2
"""Ticks of the clock of moving classes, and of the clock of static classes."""

MOVING_CLASSES = (
    "car", "bicycle", "motorcycle", "truck", "other-vehicle", "person", "bicyclist", "motorcyclist",
)  # fmt: skip
"""Classes of things that may drive or walk away."""


@dataclass(frozen=True)
class Evidence:
    """The constants of the model; the defaults are fitted on simulated streets (docs/mapping.md).

    Attributes:
        gain: g, weight of a grid at its origin.
        near: d_0, distance at which a grid counts half [m].
        out_of_view: v, weight of what the camera did not see.
        doubt: p_0, logit of the probability at which an empty label says nothing.
        occupied: s_o, step of a class.
        measured: s_m, further step of a class where a point was measured.
        measured_range: d_m, distance from which measuring does not count [m].
        votes: V, votes of a certain class nearby.
        most_empty, most_occupied: E_empty and E_occupied, where evidence ends.
        most_moving: E_moving, where the evidence of a moving class ends.
        most_unseen: E_unseen, how far from zero what is out of view can bring it.
        threshold: e_0, evidence of an occupied voxel.
        moving_life: how long the evidence of a moving class lasts [s].
        static_distance: how far the robot travels until the evidence of all else is gone [m].
    """

    gain: float = 1.5
    near: float = 6.0
    out_of_view: float = 0.5
    doubt: float = 0.5
    occupied: float = 1.8
    measured: float = 1.6
    measured_range: float = 40.0
    votes: float = 8.0
    most_empty: float = 1.0
    most_occupied: float = 2.5
    most_moving: float = 0.5
    most_unseen: float = 0.4
    threshold: float = 0.1
    moving_life: float = 1.0
    static_distance: float = 60.0

    def tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the steps of evidence and the votes of a grid's voxel.

        Returns:
            Two (3 * `BANDS` * 2 * 256,) int32: out of view, in view, measured; distance band; empty, occupied;
            confidence.
        """
        distance = (np.arange(BANDS) + 0.5) * BAND
        probability = (np.arange(256) + 0.5) / 256
        weight = self.gain / (1 + distance / self.near)
        weight[NEAR_BANDS:] *= 2
        step, vote = np.zeros((2, 3, BANDS, 2, 256))
        nearby = np.clip(1 - distance / self.measured_range, 0, None)
        step[:, :, 0] = -(np.log(probability / (1 - probability)) - self.doubt)
        step[:, :, 1] = self.occupied
        step[2, :, 1] += self.measured * nearby[:, None]
        vote[:, :, 1] = self.votes * probability
        vote[2] *= 2
        seen = np.array([self.out_of_view, 1, 1])[:, None, None, None]
        step *= seen * weight[:, None, None]
        vote *= seen * weight[:, None, None]
        return np.rint(step / UNIT).astype(np.int32).ravel(), np.rint(1 + vote).astype(np.int32).ravel()

    @staticmethod
    def units(evidence: float) -> int:
        """Return evidence as the map counts it."""
        return round(evidence / UNIT)

    @property
    def limits(self) -> NDArray[np.int32]:
        """Least and largest evidence, the bound of what is out of view, and of moving classes, (4,) int32 in units."""
        ends = -self.most_empty, self.most_occupied, self.most_unseen, self.most_moving
        return np.array([self.units(end) for end in ends], np.int32)

    @property
    def rates(self) -> NDArray[np.int32]:
        """Loss of evidence for each tick of the clocks of static and of moving classes, (2,) int32 in 256ths."""
        fading = (
            (self.most_occupied, self.static_distance * METRE_TICKS),
            (self.most_moving, self.moving_life * SECOND_TICKS),
        )
        return np.array([np.ceil(256 * self.units(most) / ticks) for most, ticks in fading], np.int32)

    def sureness(self) -> NDArray[np.uint8]:
        """Return the confidence of empty and of occupied voxels by evidence + 128 units, (2, 256) uint8."""
        odds = np.exp(np.clip((np.arange(256) - 128) * UNIT - self.threshold, -8, 8))
        occupied = odds / (1 + odds)
        return np.asarray(np.rint(255 * np.stack([1 - occupied, occupied])), np.uint8)


def moving_bits(label_set: LabelSet) -> int:
    """Return a bit for each train id of a moving class."""
    return sum(1 << train for train, name in enumerate(label_set.names) if name in MOVING_CLASSES)


def distance_bands(grid: SceneGrid) -> NDArray[np.uint8]:
    """Return the distance band of each column (X, Y) of a grid, from the origin of its frame."""
    x, y = (grid.min_corner[axis] + (np.arange(grid.shape[axis]) + 0.5) * grid.voxel_size for axis in (0, 1))
    return np.asarray(np.minimum(np.hypot(x[:, None], y[None, :]) / BAND, BANDS - 1), np.uint8)
