"""Rays meet primitives where the primitives' equations say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.simulation import intersect
from ssc_ros.simulation.intersect import Inset
from ssc_ros.simulation.rays import FAR, Ray, Vector

coordinate = st.floats(-6, 6)
positive = st.floats(0.3, 3)
triple = st.tuples(coordinate, coordinate, coordinate)


def ray(origin: Sequence[float], target: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    o, d = np.array(origin), np.array(target) - np.array(origin)
    length = np.linalg.norm(d)
    assume(length > 0.5)
    return o, d / length


def as_ray(origin: Sequence[float], direction: Sequence[float]) -> Ray:
    return Ray(Vector(*map(float, origin)), Vector(*map(float, direction)))


def first_inside(
    o: NDArray[np.float64], d: NDArray[np.float64], inside: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
) -> float:
    """Distance of the first of many samples along a ray that lies inside a solid, by brute force."""
    t = np.arange(0, 20, 0.002)
    hits = inside(o + t[:, None] * d)
    return t[hits.argmax()] if hits.any() else FAR


@settings(max_examples=60, deadline=None)
@given(triple, triple, st.tuples(positive, positive, positive), st.tuples(*[st.floats(0, 0.6)] * 3))
def test_box_with_inset_top(
    origin: tuple[float, float, float],
    target: tuple[float, float, float],
    size: tuple[float, float, float],
    share: tuple[float, float, float],
) -> None:
    o, d = ray(origin, target)
    a, b, c = size
    front, rear, side = share[0] * a, share[1] * a, share[2] * b

    def inside(p: NDArray[np.float64]) -> NDArray[np.bool_]:
        up = (p[:, 2] + c) / (2 * c)
        along = (p[:, 0] <= a - front * up) & (p[:, 0] >= -a + rear * up)
        return along & (np.abs(p[:, 1]) <= b - side * up) & (np.abs(p[:, 2]) <= c)

    assume(not inside(o[None])[0])
    near, far, normal = intersect.box(as_ray(o, d), Vector(a, b, c), Inset(front, rear, side))
    expected = first_inside(o, d, inside)
    if expected < FAR:
        assert near == pytest.approx(expected, abs=0.003)
        assert np.dot(normal, d) < 0
        assert np.linalg.norm(normal) == pytest.approx(1)
    elif near < FAR and near > 0:
        assert far - near < 0.01  # a corner thinner than the samples


@settings(max_examples=60, deadline=None)
@given(triple, triple, triple, st.floats(0.1, 1.0))
def test_capsule(
    origin: tuple[float, float, float],
    target: tuple[float, float, float],
    end: tuple[float, float, float],
    radius: float,
) -> None:
    o, d = ray(origin, target)
    v = np.array(end)
    assume(np.linalg.norm(v) > 0.2)

    def distance(p: NDArray[np.float64]) -> NDArray[np.float64]:
        k = np.clip(p @ v / (v @ v), 0, 1)
        return np.linalg.norm(p - k[:, None] * v, axis=1)

    assume(distance(o[None])[0] > radius + 0.01)
    t, normal = intersect.capsule(as_ray(o, d), Vector(*v), radius)
    expected = first_inside(o, d, lambda p: distance(p) <= radius)
    if expected < FAR:
        assert t == pytest.approx(expected, abs=0.003)
        assert distance((o + t * d)[None])[0] == pytest.approx(radius, abs=1e-6)
        assert np.linalg.norm(normal) == pytest.approx(1, abs=1e-6)
    elif 0 < t < FAR:
        assert distance((o + (t + 0.001) * d)[None])[0] > radius - 0.01


@settings(max_examples=60, deadline=None)
@given(triple, triple, st.tuples(positive, positive, positive))
def test_ellipsoid(
    origin: tuple[float, float, float], target: tuple[float, float, float], size: tuple[float, float, float]
) -> None:
    o, d = ray(origin, target)
    near, far = intersect.ellipsoid(as_ray(o, d), Vector(*size))
    if near < FAR:
        for t in (near, far):
            assert (((o + t * d) / size) ** 2).sum() == pytest.approx(1, abs=1e-6)
    else:
        assert first_inside(o, d, lambda p: ((p / size) ** 2).sum(axis=1) < 0.999) == FAR


def test_a_wheel_is_open_between_its_spokes() -> None:
    straight = (0.0, 1.0, 0.0)
    half_angle = 2 * np.pi / 12 / 2  # halfway between two of twelve spokes
    for radius, angle, stopped in ((0.32, half_angle, True), (0.2, half_angle, False), (0.2, 0.0, True)):
        x, z = radius * np.cos(angle), radius * np.sin(angle)
        t, *_ = intersect.wheel(as_ray((x, -2.0, z), straight), 0.34, 0.02, 0.29)
        assert (t == pytest.approx(1.98)) if stopped else (t == FAR)


def test_pickets_have_gaps_and_rails() -> None:
    def meets(x: float, z: float) -> bool:
        return intersect.panel(as_ray((x, -1.0, z), (0, 1, 0)), 1.0, 0.5, intersect.SLATS, 0.16)[0] < FAR

    across = [meets(x, 0.1) for x in np.arange(-0.9, 0.9, 0.005)]
    assert 0.55 < np.mean(across) < 0.7
    assert all(meets(x, -0.25) for x in np.arange(-0.9, 0.9, 0.01))
