"""One simulated place: a street, what stands and moves on it, the light, and the scene at any moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssc_ros.simulation.noise import foliage_volume
from ssc_ros.simulation.planning import plan_street
from ssc_ros.simulation.planting import Planter
from ssc_ros.simulation.primitives import Primitives
from ssc_ros.simulation.road import Plan
from ssc_ros.simulation.scene import Ground, Scene, build_scene
from ssc_ros.simulation.terrain import Terrain, survey, window_at
from ssc_ros.simulation.traffic import FRAME_PERIOD, Ego, Mover, Traffic
from ssc_ros.simulation.weather import Film, Light, draw_weather

VERSION = 2
"""To be raised by every change after which a seed gives other bytes."""
BEHIND, BEYOND = 190.0, 330.0
"""Street before the start and after the end of a journey [m]."""
LENGTH_STEP = 500.0
"""Streets are built in this step [m], so that a longer journey of the same seed usually meets the same place."""


@dataclass(frozen=True)
class World:
    """A place and a journey through it, drawn from a seed.

    Attributes:
        plan: the street.
        still: what stands.
        movers: what moves.
        ego: the journey.
        light, film: the day, and the camera's setting.
    """

    plan: Plan
    still: Primitives
    movers: tuple[Mover, ...]
    ego: Ego
    light: Light
    film: Film

    @staticmethod
    def drawn(seed: int, sequence: int, frames: int) -> World:
        """Draw the place of a sequence; every sequence number and seed gives another one.

        Args:
            seed, sequence: what is drawn depends on them.
            frames: length of the journey.
        """
        # one stream per purpose: a change in one leaves the others as they were
        streets, plants, journey, traffic, weather = (
            np.random.default_rng(child) for child in np.random.SeedSequence([seed, sequence]).spawn(5)
        )
        ego = Ego.drawn(journey)
        duration = frames * FRAME_PERIOD
        end = LENGTH_STEP * np.ceil((ego.progress(duration) + BEYOND) / LENGTH_STEP)
        plan, blocks = plan_street(streets, -BEHIND, float(end))
        ego = replace(ego, lane=-min(1.8, float(plan.blocks["width"].min()) * 0.5))
        planter = Planter(plan, plants)
        still = planter.plant(blocks)
        movers = Traffic(plan, ego, traffic, planter.instances).draw(LENGTH_STEP / 5.0)
        light, film = draw_weather(weather)
        return World(plan, still, movers, ego, light, film)

    def grid_pose(self, frame: int) -> NDArray[np.float64]:
        """Return T_world_grid (4, 4) of a frame."""
        return self.ego.grid_pose(self.plan, frame * FRAME_PERIOD)

    def scene(self, frame: int) -> tuple[Scene, Terrain]:
        """Return everything around the vehicle at a frame, ready for rays."""
        t = frame * FRAME_PERIOD
        ground, terrain = _window(_Key(self), window_at(self.ego.progress(t)))
        moving = [m.at(self.plan, self.ego, t) for m in self.movers]
        everything = Primitives.concatenate([self.still, *(m for m in moving if m is not None)])
        return build_scene(everything, ground, foliage()), terrain


class _Key:
    """Makes a world hashable by identity for the window cache."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __hash__(self) -> int:
        return id(self.world)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.world is self.world


@lru_cache(maxsize=2)
def _window(key: _Key, number: int) -> tuple[Ground, Terrain]:
    """Return heights and street coordinates of a window of a world."""
    return survey(key.world.plan, number)


@lru_cache(maxsize=1)
def foliage() -> NDArray[np.float32]:
    """Return the foliage noise (S, S, S), made once."""
    return foliage_volume()
