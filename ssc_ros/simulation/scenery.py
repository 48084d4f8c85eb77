"""Shapes of buildings, vegetation and street furniture: each function builds one random instance."""

from __future__ import annotations

import numpy as np

from ssc_ros.simulation.colors import any_color, leaf_color, wall_color
from ssc_ros.simulation.primitives import Builder, Color, Material, Primitives

SIGN_COLORS: tuple[Color, ...] = (
    (0.6, 0.04, 0.05), (0.03, 0.12, 0.5), (0.7, 0.6, 0.05), (0.75, 0.75, 0.75), (0.05, 0.3, 0.1),
)  # fmt: skip
BUILDING, FENCE, OTHER_STRUCTURE, VEGETATION, TRUNK, POLE, SIGN, OTHER_OBJECT = 50, 51, 52, 70, 71, 80, 81, 99


def building(rng: np.random.Generator, length: float, depth: float, height: float) -> Primitives:
    """Build a house along x whose front faces -y; walls, roof, sometimes balconies, chimney and porch."""
    b = Builder(rng)
    material = rng.choice([Material.FACADE, Material.FACADE, Material.FACADE, Material.BRICK])
    walls, storey = wall_color(rng), rng.uniform(2.7, 3.3)
    b.box((0, 0, -1.0), (length, depth, height + 1.0), Material.FACADE, walls, BUILDING, param=storey)
    tone, red = rng.uniform(0.5, 1.0), rng.random() < 0.5
    roof = (0.35 * tone, 0.14 * tone, 0.09 * tone) if red else (0.18 * tone, 0.16 * tone, 0.16 * tone)
    if rng.random() < 0.7:
        rise = depth * rng.uniform(0.25, 0.5)
        gable = 0.0 if rng.random() < 0.7 else min(length * 0.4, 3.0)
        b.box((0, 0, height), (length + 0.5, depth + 0.8, rise), Material.ROOF, roof, BUILDING,
              inset=(gable, gable, depth / 2 + 0.39))  # fmt: skip
        chimney = (rng.uniform(-0.3, 0.3) * length, depth * 0.1, height + rise * 0.4)
        b.box(chimney, (0.6, 0.6, rise * 0.9), Material.BRICK, wall_color(rng), BUILDING)
    else:
        b.box((0, 0, height), (length + 0.2, depth + 0.2, 0.35), Material.CONCRETE, roof, BUILDING)
    for _ in range(rng.integers(0, 4)):
        x, floor = rng.uniform(-0.35, 0.35) * length, rng.integers(1, max(2, int(height / storey)))
        if floor * storey < height - 2:
            at = (x, -depth / 2 - 0.5, floor * storey)
            b.box(at, (2.6, 1.0, 1.0), Material(int(material)), wall_color(rng), BUILDING)
    if rng.random() < 0.5:
        x = rng.uniform(-0.35, 0.35) * length
        b.box((x, -depth / 2 - 0.7, -0.3), (2.0, 1.4, 0.5), Material.CONCRETE, wall_color(rng), BUILDING)
        b.box((x, -depth / 2 - 0.6, 2.5), (2.2, 1.5, 0.12), Material.PLAIN, wall_color(rng), BUILDING)
    return b.build()


def shed(rng: np.random.Generator) -> Primitives:
    """Build a garage or garden shed."""
    b = Builder(rng)
    b.box((0, 0, -0.5), (rng.uniform(2.6, 6), rng.uniform(2.5, 5.5), rng.uniform(2.7, 3.2)),
          rng.choice([Material.WOOD, Material.BRICK, Material.CONCRETE]), wall_color(rng), BUILDING)  # fmt: skip
    return b.build()


def tree(rng: np.random.Generator, height: float) -> Primitives:
    """Build a broad-leaved tree: trunk (trunk label), a few branches, a crown of several leafy ellipsoids."""
    b = Builder(rng)
    girth = 0.04 + height * rng.uniform(0.008, 0.018)
    fork = height * rng.uniform(0.18, 0.38)
    tone = rng.uniform(0.5, 1.6)
    bark = (0.16 * tone, 0.125 * tone, 0.095 * tone)
    lean = rng.normal(0, 0.04, 2) * fork
    top = (lean[0], lean[1], fork)
    b.capsule((0, 0, -0.3), top, girth, Material.BARK, bark, TRUNK)
    color, density = leaf_color(rng), rng.uniform(0.3, 0.6)
    spread = height * rng.uniform(0.24, 0.38)
    for _ in range(rng.integers(3, 7)):
        angle, out = rng.uniform(0, 2 * np.pi), spread * rng.uniform(0.2, 0.75)
        end = (out * np.cos(angle), out * np.sin(angle), height * rng.uniform(0.42, 0.85))
        b.capsule(top, end, girth * 0.35, Material.BARK, bark, TRUNK if rng.random() < 0.3 else VEGETATION)
        radius = spread * rng.uniform(0.5, 0.8)
        b.leaves(end, (radius, radius, radius * rng.uniform(0.7, 1.1)), color, VEGETATION, density)
    b.leaves((0, 0, height * 0.7), (spread * 0.8, spread * 0.8, height * 0.28), color, VEGETATION, density)
    return b.build()


def conifer(rng: np.random.Generator, height: float) -> Primitives:
    """Build a slim evergreen from the ground up."""
    b = Builder(rng)
    color = leaf_color(rng)
    b.capsule((0, 0, -0.3), (0, 0, height * 0.8), 0.06 + 0.01 * height, Material.BARK, (0.13, 0.1, 0.08), TRUNK)
    for k in range(3):
        radius = height * (0.24 - 0.06 * k)
        b.leaves((0, 0, height * (0.3 + 0.25 * k)), (radius, radius, height * 0.26), color, VEGETATION, 0.7)
    return b.build()


def bush(rng: np.random.Generator, size: float) -> Primitives:
    """Build a bush of one to three leafy bodies."""
    b = Builder(rng)
    color = leaf_color(rng)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(-0.5, 0.5, 2) * size
        r = size * rng.uniform(0.5, 0.9)
        b.leaves((x, y, r * 0.55), (r, r, r * rng.uniform(0.7, 1.2)), color, VEGETATION, rng.uniform(0.5, 0.8))
    return b.build()


def hedge(rng: np.random.Generator, length: float, height: float, width: float, color: Color) -> Primitives:
    """Build a trimmed hedge along x."""
    b = Builder(rng)
    b.hedge((0, 0, -0.15), (length, width, height + 0.15), color, VEGETATION)
    return b.build()


def fence(rng: np.random.Generator, length: float, height: float, style: int, color: Color) -> Primitives:
    """Build a piece of fence along x; `style` is 0 pickets, 1 bars, 2 boards or 3 a wall."""
    b = Builder(rng)
    if style == 3:
        material = Material.BRICK if color[0] > 0.3 else Material.CONCRETE
        b.box((0, 0, -0.4), (length, 0.25, height + 0.4), material, color, FENCE)
        return b.build()
    material, param = ((Material.SLATS, 0.16), (Material.GRID, 0.11), (Material.WOOD, 0.0))[style]
    b.panel((0, 0, 0.03), length, height, material, color, FENCE, param=param)
    b.capsule((-length / 2, 0.02, -0.3), (-length / 2, 0.02, height + 0.03), 0.045, Material.METAL, color, FENCE)
    return b.build()


def lamp(rng: np.random.Generator) -> Primitives:
    """Build a street lamp whose arm reaches to +y."""
    b = Builder(rng)
    height, color = rng.uniform(4.5, 8.5), (0.2, 0.2, 0.2) if rng.random() < 0.5 else (0.3, 0.35, 0.3)
    b.capsule((0, 0, -0.2), (0, 0, height), rng.uniform(0.06, 0.1), Material.METAL, color, POLE)
    arm = rng.uniform(0.3, 1.6)
    b.capsule((0, 0, height), (0, arm, height + 0.15), 0.05, Material.METAL, color, POLE)
    b.box((0, arm, height), (0.25, 0.6, 0.14), Material.PLAIN, (0.5, 0.5, 0.5), POLE)
    return b.build()


def sign(rng: np.random.Generator) -> Primitives:
    """Build one or two traffic signs on a pole, facing +x."""
    b = Builder(rng)
    top = rng.uniform(2.1, 3.0)
    b.capsule((0, 0, -0.2), (0, 0, top + 0.05), rng.uniform(0.03, 0.05), Material.METAL, (0.35, 0.36, 0.37), POLE)
    z = top
    for _ in range(rng.integers(1, 3)):
        shape = int(rng.integers(4))
        width = rng.uniform(0.55, 0.9)
        height = width if shape < 3 else width * rng.uniform(0.4, 1.3)
        z -= height
        color = SIGN_COLORS[rng.integers(len(SIGN_COLORS))]
        b.panel((0.06, 0, z), width, height, Material.SIGN, color, SIGN, yaw=-np.pi / 2, param=float(shape))
        z -= 0.05
    return b.build()


def board(rng: np.random.Generator) -> Primitives:
    """Build a large direction sign on two poles, facing +x."""
    b = Builder(rng)
    width, height, low = rng.uniform(1.5, 2.8), rng.uniform(0.9, 1.8), rng.uniform(1.2, 2.2)
    for y in (-width / 3, width / 3):
        b.capsule((0, y, -0.2), (0, y, low + height), 0.05, Material.METAL, (0.35, 0.36, 0.37), POLE)
    color: Color = ((0.03, 0.12, 0.5), (0.7, 0.6, 0.05), (0.75, 0.75, 0.75))[rng.integers(3)]
    b.panel((0.08, 0, low), width, height, Material.SIGN, color, SIGN, yaw=-np.pi / 2, param=3.0)
    return b.build()


def traffic_light(rng: np.random.Generator) -> Primitives:
    """Build a traffic light facing +x: a pole, and a lamp box of a class that the benchmark ignores."""
    b = Builder(rng)
    b.capsule((0, 0, -0.2), (0, 0, 3.2), 0.07, Material.METAL, (0.25, 0.27, 0.25), POLE)
    b.box((0.12, 0, 2.3), (0.25, 0.3, 0.9), Material.PLAIN, (0.03, 0.03, 0.03), OTHER_OBJECT)
    return b.build()


def furniture(rng: np.random.Generator) -> Primitives:
    """Build a bin, bench, box, bollard or shelter."""
    b = Builder(rng)
    kind, color = rng.integers(5), any_color(rng, 0.7)
    if kind == 0:
        b.box((0, 0, 0), (0.6, 0.6, 1.1), Material.PLAIN, color, OTHER_OBJECT, inset=(0, 0.1, 0.05))
    elif kind == 1:
        b.box((0, 0, 0.4), (0.45, 1.6, 0.08), Material.WOOD, (0.25, 0.15, 0.08), OTHER_OBJECT)
        b.box((-0.22, 0, 0.45), (0.06, 1.6, 0.4), Material.WOOD, (0.25, 0.15, 0.08), OTHER_OBJECT)
    elif kind == 2:
        b.box((0, 0, -0.1), (0.45, 1.1, 1.3), Material.CONCRETE, color, OTHER_OBJECT)
    elif kind == 3:
        b.capsule((0, 0, -0.1), (0, 0, 0.9), 0.07, Material.METAL, color, POLE)
    else:
        b.panel((-0.6, 0, 0.1), 3.2, 2.0, Material.GRID, (0.2, 0.2, 0.22), OTHER_STRUCTURE, yaw=np.pi / 2, param=0.8)
        b.box((0, 0, 2.2), (1.5, 3.4, 0.12), Material.PLAIN, color, OTHER_STRUCTURE)
    return b.build()
