"""The solids of the simulated world, as rows of one structured array, and a builder that collects them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Triple = tuple[float, float, float]
Color = Triple


class Kind(IntEnum):
    """Geometry of a primitive."""

    BOX = 0  # upright box whose top may be inset: cars, roofs, walls
    ELLIPSOID = 1
    CAPSULE = 2  # segment with a radius: poles, trunks, limbs
    WHEEL = 3  # horizontal-axis cylinder with an optional hole
    PANEL = 4  # vertical rectangle without thickness, cut out by its material: fences, signs
    LEAVES = 5  # ellipsoid of noise with holes: tree crowns, bushes
    HEDGE = 6  # box of noise with a rough face


class Material(IntEnum):
    """How a surface looks and reflects."""

    PLAIN = 0
    PAINT = 1
    CABIN = 2
    RUBBER = 3
    FACADE = 4
    ROOF = 5
    BRICK = 6
    CONCRETE = 7
    WOOD = 8
    METAL = 9
    LEAF = 10
    BARK = 11
    CLOTH = 12
    SIGN = 13
    CARGO = 14
    SLATS = 15
    GRID = 16
    BUS = 17


class Solid(NamedTuple):
    """One row of `SOLID`.

    Attributes:
        position: centre of the solid; of a capsule, one end [m].
        yaw: cosine and sine of the heading.
        extent: half sizes along x, y, z; of a capsule, the vector to its other end [m].
        inset: how much shorter a box is at its top: at the front, at the rear, at each side [m].
        radius: of a capsule or a wheel [m].
        hole: radius of the spoked part of a wheel [m].
        color: linear red, green, blue, 0..1.
        param: density of leaves, storey height or gap of a fence [m], or shape of a sign.
        seed: of the texture.
        kind: a `Kind`.
        material: a `Material`.
        label: raw label, with the instance in the upper 16 bits.
    """

    position: Triple
    yaw: tuple[float, float]
    extent: Triple
    inset: Triple
    radius: float
    hole: float
    color: Color
    param: float
    seed: int
    kind: int
    material: int
    label: int


SOLID = np.dtype([
    ("position", np.float64, 3), ("yaw", np.float64, 2), ("extent", np.float64, 3), ("inset", np.float64, 3),
    ("radius", np.float64), ("hole", np.float64), ("color", np.float64, 3), ("param", np.float64),
    ("seed", np.int64), ("kind", np.int64), ("material", np.int64), ("label", np.int64),
])  # fmt: skip
"""The fields of `Solid`, as compiled code reads them."""


@dataclass(frozen=True)
class Primitives:
    """N solids.

    Attributes:
        rows: (N,) structured array of SOLID.
    """

    rows: NDArray[np.void]

    @staticmethod
    def empty() -> Primitives:
        """Return no solid."""
        return Primitives(np.zeros(0, SOLID))

    @staticmethod
    def concatenate(parts: list[Primitives]) -> Primitives:
        """Return all solids of several sets."""
        if not parts:
            return Primitives.empty()
        return Primitives(np.concatenate([part.rows for part in parts], dtype=SOLID))

    def __len__(self) -> int:
        return len(self.rows)

    def placed(self, x: float, y: float, z: float, yaw: float) -> Primitives:
        """Move the solids from their own frame to a position [m] and a heading [rad] in the world frame."""
        rotation = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        rows = self.rows.copy()
        position, heading, extent = rows["position"], rows["yaw"], rows["extent"]
        position[:, :2] = position[:, :2] @ rotation.T + (x, y)
        position[:, 2] += z
        heading[:] = heading @ rotation.T
        capsules = rows["kind"] == Kind.CAPSULE
        extent[capsules, :2] = extent[capsules, :2] @ rotation.T
        return Primitives(rows)

    def labelled(self, raw: int, instance: int) -> Primitives:
        """Return the solids with one raw label and instance."""
        rows = self.rows.copy()
        rows["label"] = raw | (instance << 16)
        return Primitives(rows)

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the axis-aligned lower and upper corners, (N, 3) each [m]."""
        position, extent = self.rows["position"], self.rows["extent"]
        cos, sin = np.abs(self.rows["yaw"]).T
        half = extent.copy()
        half[:, 0] = cos * extent[:, 0] + sin * extent[:, 1]
        half[:, 1] = sin * extent[:, 0] + cos * extent[:, 1]
        low, high = position - half, position + half
        capsule = self.rows["kind"] == Kind.CAPSULE
        a, r = position[capsule], self.rows["radius"][capsule, None]
        b = a + extent[capsule]
        low[capsule], high[capsule] = np.minimum(a, b) - r, np.maximum(a, b) + r
        return low, high


class Look(NamedTuple):
    """Look and label of a solid; the fields are explained in `Solid`."""

    material: Material
    color: Color
    label: int
    param: float = 0.0


class Builder:
    """Collects solids in an object's own frame: x forward, y left, z up from the ground, metres."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._rows: list[Solid] = []

    def _add(
        self, kind: Kind, at: Triple, extent: Triple, look: Look, inset: Triple = (0.0, 0.0, 0.0), radius: float = 0.0,
        hole: float = 0.0, yaw: float = 0.0,
    ) -> None:  # fmt: skip
        seed = int(self.rng.integers(1 << 16))
        heading = float(np.cos(yaw)), float(np.sin(yaw))
        material, color, label, param = look
        self._rows.append(
            Solid(at, heading, extent, inset, radius, hole, color, param, seed, int(kind), int(material), label)
        )

    def box(
        self, at: Triple, size: Triple, material: Material, color: Color, label: int = 0,
        inset: Triple = (0.0, 0.0, 0.0), yaw: float = 0.0, param: float = 0.0,
    ) -> None:  # fmt: skip
        """Add a box of full `size` on `at`, the centre of its floor; its top is inset at front, rear and both sides."""
        look = Look(material, color, label, param)
        self._add(Kind.BOX, _above(at, size[2]), _halved(size), look, inset, yaw=yaw)

    def hedge(self, at: Triple, size: Triple, color: Color, label: int = 0) -> None:
        """Add a box of leaves of full `size` on `at`."""
        self._add(Kind.HEDGE, _above(at, size[2]), _halved(size), Look(Material.LEAF, color, label))

    def leaves(self, at: Triple, radii: Triple, color: Color, label: int = 0, density: float = 0.5) -> None:
        """Add an ellipsoid of leaves around `at`; density 0..1."""
        self._add(Kind.LEAVES, at, radii, Look(Material.LEAF, color, label, density))

    def ellipsoid(self, at: Triple, radii: Triple, material: Material, color: Color, label: int = 0) -> None:
        """Add a solid ellipsoid around `at`."""
        self._add(Kind.ELLIPSOID, at, radii, Look(material, color, label))

    def capsule(self, a: Triple, b: Triple, radius: float, material: Material, color: Color, label: int = 0) -> None:
        """Add a rod with round ends from a to b."""
        axis = (b[0] - a[0], b[1] - a[1], b[2] - a[2])
        self._add(Kind.CAPSULE, a, axis, Look(material, color, label), radius=radius)

    def wheel(self, at: Triple, radius: float, width: float, hole: float, color: Color, label: int = 0) -> None:
        """Add a wheel around `at` whose axis is y; within the radius `hole` only spokes stop a ray."""
        extent = (radius, width / 2, radius)
        self._add(Kind.WHEEL, at, extent, Look(Material.RUBBER, color, label), radius=radius, hole=hole)

    def panel(
        self, at: Triple, length: float, height: float, material: Material, color: Color, label: int = 0,
        yaw: float = 0.0, param: float = 0.0,
    ) -> None:  # fmt: skip
        """Add a vertical panel along x that stands on `at`."""
        extent = (length / 2, 0.01, height / 2)
        self._add(Kind.PANEL, _above(at, height), extent, Look(material, color, label, param), yaw=yaw)

    def build(self) -> Primitives:
        """Return the collected solids."""
        return Primitives(np.array(self._rows, SOLID))


def _above(floor: Triple, height: float) -> Triple:
    """Return the centre of a solid of a height [m] that stands on a point."""
    return floor[0], floor[1], floor[2] + height / 2


def _halved(size: Triple) -> Triple:
    return size[0] / 2, size[1] / 2, size[2] / 2
