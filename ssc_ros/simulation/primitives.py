"""The solids of the simulated world, as rows of two arrays, and a builder that collects them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Color = tuple[float, float, float]


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


# columns of the float rows
POSITION, YAW, SIZE = slice(0, 3), slice(3, 5), slice(5, 8)
RADIUS, FLOAT_COLUMNS = 8, 16
# columns of the integer rows
KIND, MATERIAL, LABEL = 0, 1, 2


@dataclass(frozen=True)
class Primitives:
    """N solids.

    Attributes:
        floats: (N, 16) float64: position [m], yaw (cos, sin), half sizes [m] (capsule: vector to the other end), insets
            of the top at front, rear, sides [m] (capsule, wheel: radius, hole radius), colour, seed, parameter.
        ints: (N, 3) int64: kind, material, raw label with the instance in the upper 16 bits.
    """

    floats: NDArray[np.float64]
    ints: NDArray[np.int64]

    @staticmethod
    def empty() -> Primitives:
        """No solid."""
        return Primitives(np.zeros((0, FLOAT_COLUMNS)), np.zeros((0, 3), np.int64))

    @staticmethod
    def concatenate(parts: list[Primitives]) -> Primitives:
        """All solids of several sets."""
        if not parts:
            return Primitives.empty()
        return Primitives(np.concatenate([p.floats for p in parts]), np.concatenate([p.ints for p in parts]))

    def __len__(self) -> int:
        return len(self.floats)

    def placed(self, x: float, y: float, z: float, yaw: float) -> Primitives:
        """The solids moved from their own frame to a place and heading of the world."""
        rotation = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
        f = self.floats.copy()
        f[:, :2] = f[:, :2] @ rotation.T + (x, y)
        f[:, 2] += z
        f[:, YAW] = f[:, YAW] @ rotation.T
        capsules = self.ints[:, KIND] == Kind.CAPSULE
        f[capsules, 5:7] = f[capsules, 5:7] @ rotation.T
        return Primitives(f, self.ints)

    def labelled(self, raw: int, instance: int) -> Primitives:
        """The solids with one raw label and instance."""
        ints = self.ints.copy()
        ints[:, LABEL] = raw | (instance << 16)
        return Primitives(self.floats, ints)

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Axis-aligned lower and upper corners, (N, 3) each [m]."""
        f, kind = self.floats, self.ints[:, KIND]
        cos, sin = np.abs(f[:, 3]), np.abs(f[:, 4])
        half = f[:, SIZE].copy()
        half[:, 0] = cos * f[:, 5] + sin * f[:, 6]
        half[:, 1] = sin * f[:, 5] + cos * f[:, 6]
        low, high = f[:, POSITION] - half, f[:, POSITION] + half
        capsule = kind == Kind.CAPSULE
        a, b, r = f[capsule, POSITION], f[capsule, POSITION] + f[capsule, SIZE], f[capsule, RADIUS, None]
        low[capsule], high[capsule] = np.minimum(a, b) - r, np.maximum(a, b) + r
        return low, high


class Builder:
    """Collects solids in an object's own frame: x forward, y left, z up from the ground, metres."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._floats: list[list[float]] = []
        self._ints: list[tuple[int, int, int]] = []

    def _add(
        self, kind: Kind, at: Color, size: Color, material: Material, color: Color, label: int,
        inset: Color = (0.0, 0.0, 0.0), yaw: float = 0.0, param: float = 0.0,
    ) -> None:  # fmt: skip
        seed = float(self.rng.integers(1 << 16))
        self._floats.append([*at, np.cos(yaw), np.sin(yaw), *size, *inset, *color, seed, param])
        self._ints.append((kind, material, label))

    def box(
        self, at: Color, size: Color, material: Material, color: Color, label: int = 0,
        inset: Color = (0.0, 0.0, 0.0), yaw: float = 0.0, param: float = 0.0,
    ) -> None:  # fmt: skip
        """A box of full `size` standing on `at` (centre of its floor), its top inset at front, rear and both sides."""
        a, b, c = size[0] / 2, size[1] / 2, size[2] / 2
        self._add(Kind.BOX, (at[0], at[1], at[2] + c), (a, b, c), material, color, label, inset, yaw, param)

    def hedge(self, at: Color, size: Color, color: Color, label: int = 0, yaw: float = 0.0) -> None:
        """A box of leaves of full `size` standing on `at`."""
        a, b, c = size[0] / 2, size[1] / 2, size[2] / 2
        self._add(Kind.HEDGE, (at[0], at[1], at[2] + c), (a, b, c), Material.LEAF, color, label, yaw=yaw)

    def leaves(self, at: Color, radii: Color, color: Color, label: int = 0, density: float = 0.5) -> None:
        """An ellipsoid of leaves around `at`; density 0..1."""
        self._add(Kind.LEAVES, at, radii, Material.LEAF, color, label, param=density)

    def ellipsoid(self, at: Color, radii: Color, material: Material, color: Color, label: int = 0) -> None:
        """A solid ellipsoid around `at`."""
        self._add(Kind.ELLIPSOID, at, radii, material, color, label)

    def capsule(self, a: Color, b: Color, radius: float, material: Material, color: Color, label: int = 0) -> None:
        """A rod with round ends from a to b."""
        vector = (b[0] - a[0], b[1] - a[1], b[2] - a[2])
        self._add(Kind.CAPSULE, a, vector, material, color, label, inset=(radius, 0.0, 0.0))

    def wheel(self, at: Color, radius: float, width: float, hole: float, color: Color, label: int = 0) -> None:
        """A wheel around `at` whose axis is y; nothing within the radius `hole`."""
        size = (radius, width / 2, radius)
        self._add(Kind.WHEEL, at, size, Material.RUBBER, color, label, inset=(radius, hole, 0.0))

    def panel(
        self, at: Color, length: float, height: float, material: Material, color: Color, label: int = 0,
        yaw: float = 0.0, param: float = 0.0,
    ) -> None:  # fmt: skip
        """A vertical panel along x standing on `at`."""
        size = (length / 2, 0.01, height / 2)
        self._add(Kind.PANEL, (at[0], at[1], at[2] + height / 2), size, material, color, label, yaw=yaw, param=param)

    def build(self) -> Primitives:
        """What has been collected."""
        if not self._floats:
            return Primitives.empty()
        return Primitives(np.asarray(self._floats, np.float64), np.asarray(self._ints, np.int64))
