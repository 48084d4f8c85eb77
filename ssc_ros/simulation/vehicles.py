"""Shapes of vehicles, riders and people: each function builds one random instance in its own frame (x forward)."""

from __future__ import annotations

import numpy as np

from ssc_ros.simulation.colors import any_color
from ssc_ros.simulation.primitives import Builder, Color, Material, Primitives

RUBBER: Color = (0.03, 0.03, 0.03)


def _wheels(b: Builder, axles: list[float], track: float, radius: float, width: float = 0.22) -> None:
    """Add two wheels for each axle, `track` apart [m]."""
    for x in axles:
        for y in (-track / 2, track / 2):
            b.wheel((x, y, radius), radius, width, 0.0, RUBBER)


def car(rng: np.random.Generator) -> Primitives:
    """Build a saloon, hatchback or estate of 3.6 to 4.9 m."""
    b = Builder(rng)
    length, width, height = rng.uniform(3.6, 4.9), rng.uniform(1.62, 1.86), rng.uniform(1.38, 1.62)
    color = any_color(rng, 1.0)
    waist = height * rng.uniform(0.56, 0.64)
    clearance = 0.2
    b.box((0, 0, clearance), (length, width, waist - clearance), Material.PAINT, color, inset=(0.12, 0.08, 0.04))
    bonnet = length * rng.uniform(0.18, 0.27)
    boot = length * rng.choice([rng.uniform(0.01, 0.04), rng.uniform(0.10, 0.16)])
    cabin = length - bonnet - boot
    x = (boot - bonnet) / 2
    b.box((x, 0, waist), (cabin, width * 0.95, height - waist), Material.CABIN, color,
          inset=(rng.uniform(0.6, 0.9), rng.uniform(0.15, 0.5), 0.16))  # fmt: skip
    radius = rng.uniform(0.29, 0.34)
    _wheels(b, [length * 0.31, -length * 0.30], width - 0.16, radius)
    if rng.random() < 0.8:
        for side in (-1, 1):
            mirror = (x + cabin / 2 - 0.65, side * (width / 2 + 0.05), waist + 0.06)
            b.ellipsoid(mirror, (0.07, 0.1, 0.07), Material.PLAIN, color)
    return b.build()


def van(rng: np.random.Generator) -> Primitives:
    """Build a delivery van or minibus (raw label other-vehicle)."""
    b = Builder(rng)
    length, width, height = rng.uniform(4.6, 6.4), rng.uniform(1.85, 2.05), rng.uniform(1.9, 2.6)
    color = any_color(rng, 0.8)
    body = Material.BUS if rng.random() < 0.5 else Material.CARGO
    b.box((-0.35, 0, 0.25), (length - 0.7, width, height - 0.25), body, color, inset=(0.7, 0.05, 0.08))
    b.box((length / 2 - 0.55, 0, 0.25), (1.1, width, 0.95), Material.PAINT, color, inset=(0.25, 0, 0.05))
    _wheels(b, [length * 0.33, -length * 0.30], width - 0.16, 0.34)
    return b.build()


def bus(rng: np.random.Generator) -> Primitives:
    """Build a city bus."""
    b = Builder(rng)
    length = rng.uniform(9.5, 12.5)
    b.box((0, 0, 0.3), (length, 2.5, 2.7), Material.BUS, any_color(rng, 1.0), inset=(0.1, 0.05, 0.06))
    _wheels(b, [length * 0.32, -length * 0.28], 2.3, 0.48, 0.3)
    return b.build()


def trailer(rng: np.random.Generator) -> Primitives:
    """Build a small trailer or caravan (raw label other-vehicle)."""
    b = Builder(rng)
    length, height = rng.uniform(2.5, 5.5), rng.uniform(0.9, 2.3)
    b.box((0, 0, 0.4), (length, 2.0, height), Material.CARGO, any_color(rng, 0.6), inset=(0.1, 0.1, 0.05))
    b.capsule((length / 2, 0, 0.45), (length / 2 + 1.2, 0, 0.45), 0.06, Material.METAL, (0.2, 0.2, 0.2))
    _wheels(b, [0.0], 1.9, 0.3)
    return b.build()


def truck(rng: np.random.Generator) -> Primitives:
    """Build a lorry: cab, chassis and a box or a tipper."""
    b = Builder(rng)
    length, height = rng.uniform(6.0, 9.5), rng.uniform(2.5, 3.6)
    cab = rng.uniform(1.7, 2.2)
    color = any_color(rng, 1.0)
    size = (cab, 2.35, rng.uniform(1.9, 2.4))
    b.box((length / 2 - cab / 2, 0, 0.5), size, Material.CABIN, color, inset=(0.25, 0, 0.06))
    b.box((-cab / 2, 0, 0.6), (length - cab, 1.2, 0.3), Material.METAL, (0.06, 0.06, 0.07))
    low = height if rng.random() < 0.7 else 1.9
    b.box((-cab / 2 - 0.1, 0, 0.95), (length - cab - 0.2, 2.45, low - 0.95), Material.CARGO, any_color(rng, 0.6))
    _wheels(b, [length / 2 - 1.1, -length * 0.22, -length * 0.36], 2.2, 0.48, 0.3)
    return b.build()


def _bicycle(b: Builder) -> None:
    """Add frame, wheels, handlebar and saddle of a bicycle."""
    color = any_color(b.rng, 1.0)
    radius = 0.34
    for x in (-0.52, 0.52):
        b.wheel((x, 0, radius), radius, 0.045, radius - 0.05, RUBBER)
    saddle, head, pedal = (-0.25, 0.0, 0.92), (0.38, 0.0, 0.9), (-0.08, 0.0, 0.32)
    for a, e in (((-0.52, 0, radius), pedal), (pedal, saddle), (pedal, head), (saddle, head), ((0.52, 0, radius), head),
                 (saddle, (-0.52, 0, radius))):  # fmt: skip
        b.capsule(a, e, 0.024, Material.METAL, color)
    b.capsule((0.36, -0.28, 1.02), (0.36, 0.28, 1.02), 0.02, Material.METAL, (0.1, 0.1, 0.1))
    b.ellipsoid((-0.27, 0, 0.96), (0.14, 0.07, 0.04), Material.PLAIN, (0.05, 0.05, 0.05))


def _motorcycle(b: Builder) -> None:
    """Add the parts of a motorcycle."""
    color = any_color(b.rng, 1.0)
    for x in (-0.68, 0.68):
        b.wheel((x, 0, 0.31), 0.31, 0.14, 0.14, RUBBER)
    b.ellipsoid((0.0, 0, 0.5), (0.42, 0.17, 0.26), Material.METAL, (0.15, 0.15, 0.16))
    b.ellipsoid((0.12, 0, 0.8), (0.34, 0.18, 0.16), Material.PAINT, color)
    b.ellipsoid((-0.45, 0, 0.78), (0.42, 0.16, 0.09), Material.PLAIN, (0.04, 0.04, 0.04))
    b.ellipsoid((0.55, 0, 0.85), (0.16, 0.2, 0.24), Material.PAINT, color)
    b.capsule((0.68, 0, 0.31), (0.42, 0, 0.95), 0.06, Material.METAL, (0.3, 0.3, 0.3))
    b.capsule((0.4, -0.36, 1.02), (0.4, 0.36, 1.02), 0.03, Material.METAL, (0.1, 0.1, 0.1))


def _upper_body(b: Builder, x: float, seat: float, lean: float, reach: float) -> None:
    """Add torso, head and arms above a seat at (x, seat); the back leans forward, the hands reach ahead [m]."""
    cloth = any_color(b.rng, 1.0)
    skin = (b.rng.uniform(0.25, 0.7), b.rng.uniform(0.2, 0.45), b.rng.uniform(0.15, 0.35))
    shoulder = (x + lean, 0.0, seat + 0.5)
    b.capsule((x, 0, seat + 0.12), (shoulder[0], 0, shoulder[2] - 0.06), 0.17, Material.CLOTH, cloth)
    helmet = any_color(b.rng, 1.0) if b.rng.random() < 0.5 else skin
    b.ellipsoid((x + lean * 1.2, 0, seat + 0.76), (0.115, 0.1, 0.14), Material.PLAIN, helmet)
    for side in (-0.22, 0.22):
        elbow = (shoulder[0] + reach * 0.45, side * 1.15, shoulder[2] - 0.22)
        b.capsule((shoulder[0], side, shoulder[2] - 0.04), elbow, 0.055, Material.CLOTH, cloth)
        b.capsule(elbow, (shoulder[0] + reach, side, shoulder[2] - 0.42), 0.045, Material.CLOTH, cloth)


def _legs(b: Builder, hip: tuple[float, float], knee: tuple[float, float], foot: tuple[float, float]) -> None:
    """Add two legs from joints (x, z) [m], one a little ahead of the other."""
    trousers = any_color(b.rng, 0.5)
    for side, swing in ((-0.11, 1.0), (0.11, -1.0)):
        k = (knee[0] + swing * 0.05, side, knee[1])
        b.capsule((hip[0], side, hip[1]), k, 0.085, Material.CLOTH, trousers)
        b.capsule(k, (foot[0] + swing * 0.14, side, foot[1]), 0.065, Material.CLOTH, trousers)


def bicycle(rng: np.random.Generator) -> Primitives:
    """Build a bicycle that stands."""
    b = Builder(rng)
    _bicycle(b)
    return b.build()


def motorcycle(rng: np.random.Generator) -> Primitives:
    """Build a motorcycle that stands."""
    b = Builder(rng)
    _motorcycle(b)
    return b.build()


def bicyclist(rng: np.random.Generator) -> Primitives:
    """Build a rider with the bicycle."""
    b = Builder(rng)
    _bicycle(b)
    _upper_body(b, -0.22, 0.95, 0.25, 0.38)
    _legs(b, (-0.2, 1.0), (0.08, 0.68), (-0.06, 0.25))
    return b.build()


def motorcyclist(rng: np.random.Generator) -> Primitives:
    """Build a rider with the motorcycle."""
    b = Builder(rng)
    _motorcycle(b)
    _upper_body(b, -0.3, 0.82, 0.15, 0.45)
    _legs(b, (-0.25, 0.9), (0.15, 0.68), (-0.05, 0.3))
    return b.build()


def person(rng: np.random.Generator) -> Primitives:
    """Build a standing or walking person of 1.5 to 1.95 m."""
    b = Builder(rng)
    hip = rng.uniform(0.78, 0.95)
    _legs(b, (0.0, hip), (0.03, hip * 0.52), (0.0, 0.08))
    _upper_body(b, 0.0, hip, 0.02, rng.uniform(0.02, 0.3))
    return b.build()
