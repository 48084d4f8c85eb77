"""The acceleration grid finds what a search through everything finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.simulation.primitives import Builder, Material
from ssc_ros.simulation.raycast import trace
from ssc_ros.simulation.rays import GROUND, NOTHING, Hit, Ray, Vector
from ssc_ros.simulation.scene import Ground, Scene, build_scene, ground_height
from ssc_ros.simulation.world import foliage

SIDE, STEP = 60.0, 0.2


def hills() -> NDArray[np.float32]:
    x, y = np.meshgrid(*[np.arange(0, SIDE + STEP / 2, STEP)] * 2, indexing="ij")
    return (0.8 * np.sin(x / 7) + 0.6 * np.cos(y / 5)).astype(np.float32)


def scene_of(builder: Builder, heights: NDArray[np.float32]) -> Scene:
    return build_scene(builder.build(), Ground(heights, (0.0, 0.0), STEP), foliage())


def first_hit(
    scene: Scene, origin: Sequence[float], direction: Sequence[float], reach: float, any_hit: bool = False
) -> Hit:
    ray = Ray(Vector(*map(float, origin)), Vector(*map(float, direction)))
    return trace(scene, ray, reach, any_hit)


def directions(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    d = rng.normal(size=(count, 3)) * (1, 1, 0.3)
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def test_a_clutter_of_solids_is_hit_as_by_brute_force() -> None:
    rng = np.random.default_rng(3)
    builders = []
    crowd = Builder(rng)
    for _ in range(90):
        one = Builder(np.random.default_rng(1))
        at = (*rng.uniform(3, SIDE - 3, 2), rng.uniform(2, 5))
        size = tuple(rng.uniform(0.3, 3, 3))
        for b in (one, crowd):
            if len(builders) % 3 == 0:
                b.box(at, size, Material.PLAIN, (1, 1, 1), yaw=0.3)
            elif len(builders) % 3 == 1:
                b.ellipsoid(at, size, Material.PLAIN, (1, 1, 1))
            else:
                b.capsule(at, (at[0] + size[0], at[1] - size[1], at[2] + 1), 0.2, Material.PLAIN, (1, 1, 1))
        builders.append(one)
    flat = np.full_like(hills(), -50)
    together, alone = scene_of(crowd, flat), [scene_of(b, flat) for b in builders]
    hits = 0
    for d in directions(rng, 250):
        origin = (*rng.uniform(5, SIDE - 5, 2), 4.0)
        expected = min(first_hit(s, origin, d, 40.0).distance for s in alone)
        t, what, _ = first_hit(together, origin, d, 40.0)
        if what != GROUND:
            assert t == pytest.approx(expected)
            hits += what >= 0
    assert hits > 30


def test_rays_end_on_the_ground() -> None:
    rng = np.random.default_rng(5)
    scene = scene_of(Builder(rng), hills())
    hits = 0
    for d in directions(rng, 200):
        x, y = rng.uniform(10, SIDE - 10, 2)
        z = ground_height(scene.ground, x, y) + 1.7
        t, what, _ = first_hit(scene, (x, y, z), d, 100.0)
        along = np.arange(0.0, t if what == GROUND else 8.0, 0.05)
        points = np.array([x, y, z]) + along[:, None] * d
        inside = ((points[:, :2] > 0.5) & (points[:, :2] < SIDE - 0.5)).all(axis=1)
        clearance = [p[2] - ground_height(scene.ground, p[0], p[1]) for p in points[inside]]
        assert min(clearance) > -0.02  # nothing was passed
        if what == GROUND:
            hits += 1
            assert z + t * d[2] == pytest.approx(ground_height(scene.ground, x + t * d[0], y + t * d[1]), abs=2e-3)
        else:
            assert what == NOTHING
    assert hits > 50


def test_leaves_stop_most_rays_but_not_all() -> None:
    builder = Builder(np.random.default_rng(2))
    builder.leaves((30, 30, 5), (3, 3, 3), (0, 1, 0), density=0.4)
    scene = scene_of(builder, np.full_like(hills(), -50))
    stopped = [
        first_hit(scene, (20.0, 30.0 + y, 5.0 + z), (1, 0, 0), 30.0).solid == 0
        for y in np.linspace(-2.5, 2.5, 25)
        for z in np.linspace(-2.5, 2.5, 25)
    ]
    assert 0.4 < np.mean(stopped) < 0.97


def test_shadow_rays_agree_with_what_is_in_the_way() -> None:
    builder = Builder(np.random.default_rng(2))
    builder.box((30, 30, 0), (4, 4, 6), Material.PLAIN, (1, 1, 1))
    scene = scene_of(builder, np.full_like(hills(), -50))
    assert first_hit(scene, (20, 30, 2), (1, 0, 0), 45.0, any_hit=True).solid == 0
    assert first_hit(scene, (20, 30, 8), (1, 0, 0), 45.0, any_hit=True).solid == NOTHING
