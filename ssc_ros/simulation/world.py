"""One simulated place: a street, what stands and moves on it, the light, and the scene at any moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ssc_ros.simulation import road
from ssc_ros.simulation.camera import Film, Light, draw_weather
from ssc_ros.simulation.ground import Terrain
from ssc_ros.simulation.noise import foliage_volume
from ssc_ros.simulation.planting import Planter
from ssc_ros.simulation.primitives import Primitives
from ssc_ros.simulation.raycast import Scene, build_scene
from ssc_ros.simulation.traffic import FRAME_PERIOD, Ego, Mover, Traffic

VERSION = 2
"""To be raised by every change after which a seed gives other bytes."""
BEHIND, BEYOND = 190.0, 330.0
"""Street before the start and after the end of a journey [m]."""
LENGTH_STEP = 500.0
"""Streets are built in this step [m], so that a longer journey of the same seed usually meets the same place."""
WINDOW, AHEAD, WINDOW_STEP = 300.0, 55.0, 20.0
"""Side of the window of a scene, how far it is shifted ahead, and how often it moves on [m]."""
GROUND_STEP, STREET_STEP = 0.2, 5
"""Raster of the ground [m], and of street coordinates in multiples of it."""


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

    plan: road.Plan
    still: Primitives
    movers: tuple[Mover, ...]
    ego: Ego
    light: Light
    film: Film

    @staticmethod
    def drawn(seed: int, sequence: int, frames: int) -> World:
        """The place of a sequence; every sequence number and seed gives another one."""
        # one stream per purpose: a change in one leaves the others as they were
        streets, plants, journey, traffic, weather = (
            np.random.default_rng(child) for child in np.random.SeedSequence([seed, sequence]).spawn(5)
        )
        ego = Ego.drawn(journey, 0.0)
        duration = frames * FRAME_PERIOD
        end = LENGTH_STEP * np.ceil((ego.progress(duration) + BEYOND) / LENGTH_STEP)
        plan, blocks = road.plan_street(streets, -BEHIND, float(end))
        ego = Ego(ego.speed, ego.swing, -min(1.8, float(plan.blocks[:, road.WIDTH].min()) * 0.5), ego.sway)
        planter = Planter(plan, plants)
        still = planter.plant(blocks)
        movers = Traffic(plan, ego, traffic, planter.instances).draw(LENGTH_STEP / 5.0)
        light, film = draw_weather(weather)
        return World(plan, still, movers, ego, light, film)

    def lidar_pose(self, frame: int) -> NDArray[np.float64]:
        """T_world_lidar (4, 4) of a frame."""
        return self.ego.lidar_pose(self.plan, frame * FRAME_PERIOD)

    def scene(self, frame: int) -> tuple[Scene, Terrain]:
        """Everything around the vehicle at a frame, ready for rays."""
        t = frame * FRAME_PERIOD
        anchor = int(np.floor(self.ego.progress(t) / WINDOW_STEP))
        origin, heights, terrain = _window(_Key(self), anchor)
        moving = [m.at(self.plan, self.ego, t) for m in self.movers]
        everything = Primitives.concatenate([self.still, *(m for m in moving if m is not None)])
        return build_scene(everything, origin, heights, GROUND_STEP, foliage()), terrain


class _Key:
    """Makes a world hashable by identity for the window cache."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __hash__(self) -> int:
        return id(self.world)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.world is self.world


@lru_cache(maxsize=2)
def _window(key: _Key, anchor: int) -> tuple[NDArray[np.float64], NDArray[np.float32], Terrain]:
    """Corner, ground heights and street coordinates of the square around a stretch of the journey."""
    plan = key.world.plan
    x, y, heading = road.place(plan, (anchor + 0.5) * WINDOW_STEP, 0.0)
    centre = np.array([x + AHEAD * np.cos(heading), y + AHEAD * np.sin(heading)])
    coarse = GROUND_STEP * STREET_STEP
    origin = np.floor((centre - WINDOW / 2) / coarse) * coarse
    count = round(WINDOW / GROUND_STEP) + 1
    heights = np.zeros((count, count), np.float32)
    coordinates = np.zeros((count // STREET_STEP + 1, count // STREET_STEP + 1, 2))
    hint = round(((anchor + 0.5) * WINDOW_STEP + AHEAD - plan.first) / road.SPACING)
    road.rasterise(plan, origin[0], origin[1], hint, GROUND_STEP, heights, coordinates, STREET_STEP)
    arc, offset = coordinates[..., 0].astype(np.float32), coordinates[..., 1].astype(np.float32)
    return origin, heights, Terrain(plan, arc, offset, origin, coarse)


@lru_cache(maxsize=1)
def foliage() -> NDArray[np.float32]:
    """The foliage noise, made once."""
    return foliage_volume()
