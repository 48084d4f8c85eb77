"""The journey of the vehicle, and the traffic and the people that move around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import GRID_HEIGHT
from ssc_ros.simulation import road, vehicles
from ssc_ros.simulation.planting import STILL
from ssc_ros.simulation.primitives import Primitives
from ssc_ros.simulation.road import Plan

FRAME_PERIOD = 0.1037
"""Time between two sweeps [s], as in KITTI."""
MOVING = {"car": 252, "bicyclist": 253, "person": 254, "motorcyclist": 255, "bus": 257, "truck": 258, "van": 259}


@dataclass(frozen=True)
class Ego:
    """The journey of the recording vehicle along a street.

    Attributes:
        speed: mean speed [m/s].
        swing: amplitude [m], period [s] and phase of the changes of pace.
        lane: lateral place [m], negative is right.
        sway: (3, 3) amplitude, period [s], phase of lateral drift [m], roll and pitch [rad].
    """

    speed: float
    swing: tuple[float, float, float]
    lane: float
    sway: NDArray[np.float64]

    @staticmethod
    def drawn(rng: np.random.Generator) -> Ego:
        """Draw a journey at 5 to 11 m/s in the middle of the street."""
        speed = rng.uniform(5.5, 10.5)
        period = rng.uniform(9, 25)
        swing = (rng.uniform(0.05, 0.35) * speed * period / (2 * np.pi), period, rng.uniform(0, 6.28))
        amplitude = np.array([0.18, 0.006, 0.005]) * rng.uniform(0.3, 1.0, 3)
        sway = np.stack([amplitude, rng.uniform(1.2, 9.0, 3), rng.uniform(0, 6.28, 3)], axis=1)
        return Ego(speed, swing, 0.0, sway)

    def progress(self, t: float) -> float:
        """Return the arc length at time t [s]; it increases from 0 [m]."""
        a, period, phase = self.swing
        return self.speed * t + a * (np.sin(2 * np.pi * t / period + phase) - np.sin(phase))

    def grid_pose(self, plan: Plan, t: float) -> NDArray[np.float64]:
        """Return T_world_grid (4, 4) at time t [s]: GRID_HEIGHT above the road, along its slope, swaying a little."""
        drift, roll, pitch = self.sway[:, 0] * np.sin(2 * np.pi * t / self.sway[:, 1] + self.sway[:, 2])
        s, d = self.progress(t), self.lane + drift
        x, y, heading = road.place(plan, s, d)
        ahead, behind = road.place(plan, s + 1.4, d), road.place(plan, s - 1.4, d)
        heights = [road.height_at(plan, p[0], p[1], s, 0.0) for p in (ahead, behind)]
        pitch -= np.arctan2(heights[0] - heights[1], 2.8)
        cy, sy, cp, sp, cr, sr = (f(v) for v in (heading, pitch, roll) for f in (np.cos, np.sin))
        yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        nod = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        lean = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
        pose = np.eye(4)
        pose[:3, :3] = yaw @ nod @ lean
        pose[:3, 3] = x, y, sum(heights) / 2 + GRID_HEIGHT
        return pose


@dataclass(frozen=True)
class Mover:
    """One thing that moves along the street.

    Attributes:
        shape: solids in its own frame, labelled.
        start, speed: arc length at t = 0 [m] and rate [m/s]; negative is oncoming.
        d: lateral place [m].
        follows: whether it keeps its distance to the vehicle instead of its own pace.
    """

    shape: Primitives
    start: float
    speed: float
    d: float
    follows: bool = False

    def at(self, plan: Plan, ego: Ego, t: float) -> Primitives | None:
        """Return its solids in the world at time t [s], or None beyond the ends of the street."""
        s = self.start + (ego.progress(t) if self.follows else self.speed * t)
        if not plan.first + 3 < s < plan.first + (len(plan.line) - 4) * road.SPACING:
            return None
        x, y, heading = road.place(plan, s, self.d)
        z = road.height_at(plan, x, y, s, self.d)
        return self.shape.placed(x, y, z, heading + (np.pi if self.speed < 0 else 0.0))


class Traffic:
    """Draws the movers of a street."""

    def __init__(self, plan: Plan, ego: Ego, rng: np.random.Generator, first_instance: int) -> None:
        self.plan, self.ego, self.rng = plan, ego, rng
        self.instance = first_instance
        self.movers: list[Mover] = []

    def draw(self, duration: float) -> tuple[Mover, ...]:
        """Draw traffic for a journey of `duration` [s]."""
        rng, end = self.rng, self.ego.progress(duration)
        widths = self.plan.blocks["width"]
        narrow = float(widths.min())
        pace = rng.uniform(6, 13)
        s = rng.uniform(-120, 0)
        while s < end + pace * duration + 150:
            name = str(rng.choice(["car", "van", "truck", "bus", "motorcyclist"], p=[0.76, 0.05, 0.07, 0.03, 0.09]))
            self._add(name, s, -pace, 1.65)
            s += rng.exponential(80) + 20
        if rng.random() < 0.4:
            name = str(rng.choice(["car", "van", "truck", "motorcyclist"], p=[0.85, 0.05, 0.05, 0.05]))
            self._add(name, rng.uniform(11, 38), self.ego.speed, self.ego.lane + rng.normal(0, 0.15), follows=True)
        if rng.random() < 0.3:
            self._add("car", -rng.uniform(10, 25), self.ego.speed, self.ego.lane, follows=True)
        self._along("bicyclist", end + 120, 900.0, (3.0, 6.0), lambda: narrow - 0.35)
        self._along("person", end + 120, 260.0, (0.8, 1.7), lambda: widths.max() + rng.uniform(0.5, 3.0))
        return tuple(self.movers)

    def _along(
        self, name: str, end: float, spacing: float, speeds: tuple[float, float], distance: Callable[[], float]
    ) -> None:
        """Add slow movers on both sides of the street, in both directions, a random `distance` [m] from its middle."""
        rng = self.rng
        s = -60.0
        while s < end:
            s += rng.exponential(spacing)
            side = rng.choice([-1, 1])
            direction = -side if name == "bicyclist" else rng.choice([-1, 1])
            self._add(name, s, direction * rng.uniform(*speeds), side * distance())

    def _add(self, name: str, s: float, speed: float, d: float, follows: bool = False) -> None:
        """Add a mover of a kind; the other arguments are explained in `Mover`."""
        self.instance += 1
        shape = STILL[name][0] if name in STILL else vehicles.car
        self.movers.append(Mover(shape(self.rng).labelled(MOVING[name], self.instance), s, speed, d, follows))
