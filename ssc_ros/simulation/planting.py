"""Fills the blocks of a street with houses, plants, parked vehicles, people and furniture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ssc_ros.simulation import road, scenery, vehicles
from ssc_ros.simulation.colors import leaf_color, wall_color
from ssc_ros.simulation.planning import Block
from ssc_ros.simulation.primitives import Color, Primitives
from ssc_ros.simulation.road import Lot, Plan, Zone

CARRIAGEWAY = (Zone.ROAD,)
OFF_LOT = (Zone.ROAD, Zone.PARKING_BAY, Zone.VERGE, Zone.SIDEWALK)
GARDEN_ONLY = (*OFF_LOT, Zone.DRIVEWAY)
Shape = Callable[[np.random.Generator], Primitives]

STILL: dict[str, tuple[Shape, int]] = {
    "car": (vehicles.car, 10),
    "bicycle": (vehicles.bicycle, 11),
    "motorcycle": (vehicles.motorcycle, 15),
    "truck": (vehicles.truck, 18),
    "van": (vehicles.van, 20),
    "trailer": (vehicles.trailer, 20),
    "bus": (vehicles.bus, 13),
    "person": (vehicles.person, 30),
    "bicyclist": (vehicles.bicyclist, 31),
    "motorcyclist": (vehicles.motorcyclist, 32),
}
"""Shape and raw label of every kind of thing that can stand still."""


class Planter:
    """Places objects in street coordinates (s, d); d > 0 is left."""

    def __init__(self, plan: Plan, rng: np.random.Generator) -> None:
        self.plan, self.rng = plan, rng
        self.parts: list[Primitives] = []
        self.instances = 0
        self.bustle = rng.uniform(0.6, 1.6)

    def plant(self, blocks: tuple[Block, ...]) -> Primitives:
        """Fill every block on both sides."""
        for block in blocks:
            for side in (0, 1):
                self._edge(block, side)
                self._lot(block, side)
        return Primitives.concatenate(self.parts)

    def put(
        self, shape: Primitives, s: float, d: float, turn: float = 0.0, avoid: tuple[Zone, ...] = CARRIAGEWAY,
        reach: float = 0.0, across: float = 0.0,
    ) -> bool:  # fmt: skip
        """Place a shape, unless one of its corners would stand on ground to `avoid`; return whether it was placed.

        Args:
            shape: solids in the object's own frame.
            s, d: street coordinates [m].
            turn: heading against the street [rad].
            avoid: zones no corner may lie on.
            reach, across: half extents along the street and across it [m].
        """
        x, y, heading = road.place(self.plan, s, d)
        cos, sin = np.cos(heading), np.sin(heading)
        corners = {(0.0, 0.0), (reach, across), (reach, -across), (-reach, across), (-reach, -across)}
        points = np.array([(x + cos * u - sin * v, y + sin * u + cos * v) for u, v in corners])
        if road.touches(self.plan, points, int((s - self.plan.first) / road.SPACING), sum(1 << zone for zone in avoid)):
            return False
        z = road.height_at(self.plan, x, y, s, d)
        self.parts.append(shape.placed(x, y, z, heading + turn))
        return True

    def thing(
        self, name: str, s: float, d: float, turn: float = 0.0, avoid: tuple[Zone, ...] = CARRIAGEWAY,
        reach: float = 0.3,
    ) -> bool:  # fmt: skip
        """Place a still thing of a kind with an instance of its own; see `put` for the other arguments."""
        shape, raw = STILL[name]
        self.instances += 1
        return self.put(shape(self.rng).labelled(raw, self.instances), s, d, turn, avoid, reach, min(reach, 0.3))

    def _vehicle(self) -> tuple[str, float]:
        """Draw a kind of parked vehicle and its half length [m]."""
        name = self.rng.choice(["car", "van", "truck", "trailer"], p=[0.925, 0.035, 0.025, 0.015])
        return str(name), {"car": 2.4, "van": 3.2, "truck": 4.6, "trailer": 3.2}[str(name)]

    def _edge(self, block: Block, side: int) -> None:
        """Fill the kerbside: parked vehicles, street trees, lamps, signs, furniture, people."""
        row, rng = self.plan.blocks[block.index], self.rng
        sign = 1 if side == 0 else -1
        width, bay, verge, walk = row["width"], row["bay"][side], row["verge"][side], row["walk"][side]
        facing = 0.0 if side else np.pi
        fill = rng.uniform(0.1, 0.7) if bay else (rng.uniform(0.0, 0.6) if width > 3.5 and rng.random() < 0.35 else 0.0)
        d_parked = width + (bay / 2 if bay else 0.35)
        s = block.start + 11
        while s < block.end - 13:
            name, half = self._vehicle()
            if rng.random() < fill:
                self.thing(name, s + half, sign * d_parked, facing + rng.normal(0, 0.03), (), half)
            s += 2 * half + rng.uniform(0.6, 1.8)
        d_verge = width + bay + (verge / 2 if verge else 0.45)
        avenue = rng.random() < (0.9 if verge > 1.0 else 0.3)
        height = rng.uniform(5.0, 12.0)
        for s in np.arange(block.start + 9, block.end - 8, rng.uniform(7.0, 14.0)):
            if avenue and rng.random() < 0.8:
                self.put(scenery.tree(rng, height * rng.uniform(0.8, 1.2)), s, sign * d_verge, rng.uniform(0, 6.28))
        self._furniture(block, sign, d_verge, width + bay + verge + walk / 2, facing)
        for s in np.arange(block.start + 8, block.end - 8, 9.0):
            d_walk = width + bay + verge + rng.uniform(0.4, max(0.5, walk - 0.3))
            self._folk(s + rng.uniform(0, 8), sign * d_walk)

    def _furniture(self, block: Block, sign: int, d_kerb: float, d_walk: float, facing: float) -> None:
        """Place lamps, signs, traffic lights and street furniture at the kerb and on the pavement."""
        rng = self.rng
        reverse = np.pi if sign < 0 else 0.0  # signs face the traffic of their side
        for s in np.arange(block.start + rng.uniform(4, 12), block.end - 4, rng.uniform(22, 38)):
            if sign > 0 or rng.random() < 0.4:
                self.put(scenery.lamp(rng), s, sign * (d_kerb + 0.1), facing, CARRIAGEWAY)
        for s in (block.start + 7.5, block.end - 7.5, *rng.uniform(block.start, block.end, 3)):
            if rng.random() < 0.45:
                maker = scenery.board if rng.random() < 0.15 else scenery.sign
                self.put(maker(rng), s, sign * (d_kerb + 0.1), reverse + rng.normal(0, 0.15), CARRIAGEWAY)
        if rng.random() < 0.25:
            self.put(scenery.traffic_light(rng), block.end - 6, sign * (d_kerb + 0.1), reverse, CARRIAGEWAY)
        for s in rng.uniform(block.start + 6, block.end - 6, rng.integers(0, 4)):
            self.put(scenery.furniture(rng), s, sign * (d_walk + rng.choice([-0.6, 0.7])), facing, CARRIAGEWAY)

    def _folk(self, s: float, d: float) -> None:
        """Perhaps place a person or two-wheelers that stand about."""
        rng = self.rng
        draw = rng.random() / self.bustle
        if draw < 0.02:
            self.thing("person", s, d, rng.uniform(0, 6.28))
        elif draw < 0.075:
            for k in range(rng.integers(1, 3)):
                self.thing("bicycle", s + 0.7 * k, d, rng.normal(np.pi / 2, 0.2))
        elif draw < 0.095:
            self.thing("motorcycle", s, d, rng.uniform(0, 6.28))
        elif draw < 0.107:
            self.thing("bicyclist", s, d, rng.choice([0.0, np.pi]))
        elif draw < 0.117:
            self.thing("motorcyclist", s, d, rng.choice([0.0, np.pi]))

    def _lot(self, block: Block, side: int) -> None:
        """Fill what lies behind the pavement."""
        row = self.plan.blocks[block.index]
        back = row["width"] + row["bay"][side] + row["verge"][side] + row["walk"][side]
        sign = 1 if side == 0 else -1
        lot = Lot(int(row["lot"][side]))
        if lot in (Lot.GARDEN, Lot.PAVED):
            self._houses(block, sign, back, lot is Lot.PAVED)
        elif lot is Lot.PARKING:
            self._parking_lot(block, sign, back)
        else:
            self._green(block, sign, back, dense=lot is Lot.WILD)

    def _houses(self, block: Block, sign: int, back: float, urban: bool) -> None:
        """Place houses with their gardens, `back` [m] from the centre line; closed rows where urban."""
        rng = self.rng
        low, high = (8.0, 17.0) if urban else (3.0, 9.5)
        setback = rng.choice([0.3, 3.0]) if urban else rng.uniform(2.0, 8.0)
        color = leaf_color(rng)
        s = block.start + rng.uniform(7, 10)
        while s < block.end - 9:
            length = rng.uniform(9, 22) if urban else rng.uniform(11, 24)
            middle, depth = s + length / 2, rng.uniform(8, 13)
            wide = length - (rng.choice([0.0, 0.0, 3.5]) if urban else rng.uniform(2, 7))
            turn = (0.0 if sign > 0 else np.pi) + rng.normal(0, 0.015)
            d_house = back + setback + depth / 2 + rng.uniform(0, 0.4)
            if rng.random() < 0.92:
                house = scenery.building(rng, wide, depth, rng.uniform(low, high))
                self.put(house, middle, sign * d_house, turn, OFF_LOT, wide / 2, depth / 2)
            if not urban or setback > 2:
                self._front(s, length, sign, back, setback, color, urban)
            if not urban:
                self._garden(s, length, sign, back, setback)
            s += length
        for s in np.arange(block.start, block.end, 5.0):  # something closes the view between the houses
            d = sign * (back + setback + 15 + rng.uniform(0, 10))
            self.put(scenery.tree(rng, rng.uniform(6, 14)), s, d, avoid=OFF_LOT)

    def _front(
        self, s: float, length: float, sign: int, back: float, setback: float, color: Color, urban: bool
    ) -> None:
        """Close a garden towards the pavement with a hedge, fence or wall, open at driveways."""
        rng = self.rng
        chances = [0.15, 0.3, 0.1, 0.45] if urban else [0.3, 0.28, 0.27, 0.15]
        choice = rng.choice(["hedge", "fence", "both", "none"], p=chances)
        style, height = int(rng.integers(4)), rng.uniform(0.8, 1.9)
        paint: Color = leaf_color(rng) if rng.random() < 0.35 else wall_color(rng)
        piece = 2.5
        for at in np.arange(s, s + length, piece):
            if choice in ("hedge", "both"):
                shape = scenery.hedge(rng, piece, height, 0.8, color)
                self.put(shape, at + piece / 2, sign * (back + 0.9), avoid=GARDEN_ONLY, reach=1.0)
            if choice in ("fence", "both"):
                shape = scenery.fence(rng, piece, min(height, 1.6), style, paint)
                self.put(shape, at + piece / 2, sign * (back + 0.3), avoid=GARDEN_ONLY, reach=1.0)
        if rng.random() < 0.5 and setback > 2.5:  # towards the neighbour
            hedged = rng.random() < 0.5
            shape = scenery.hedge(rng, 6.0, 1.7, 0.8, color) if hedged else scenery.fence(rng, 6.0, 1.5, style, paint)
            self.put(shape, s, sign * (back + 3.6), np.pi / 2, GARDEN_ONLY, 0.3, 3.0)

    def _garden(self, s: float, length: float, sign: int, back: float, setback: float) -> None:
        """Fill a front garden: plants, perhaps a vehicle on the driveway and a shed."""
        rng = self.rng
        for _ in range(rng.integers(3, 11)):
            d = sign * (back + 1.4 + rng.uniform(0, max(0.3, setback - 1.5)))
            at = s + rng.uniform(0, length)
            draw = rng.random()
            if draw < 0.6:
                self.put(scenery.bush(rng, rng.uniform(0.5, 1.3)), at, d, avoid=GARDEN_ONLY)
            elif draw < 0.85:
                self.put(scenery.tree(rng, rng.uniform(3.5, 8)), at, d, avoid=GARDEN_ONLY)
            else:
                self.put(scenery.conifer(rng, rng.uniform(3, 9)), at, d, avoid=GARDEN_ONLY)
        if rng.random() < 0.45:  # something on the driveway
            here = min(int((s - self.plan.first) / road.SPACING), len(self.plan.block_of) - 1)
            k = self.plan.blocks[int(self.plan.block_of[here])]["drive"]
            at = (np.floor(s / k) + 1) * k + 1.5
            if at < s + length and setback > 4.5:
                name = str(rng.choice(["car", "car", "car", "car", "van", "trailer", "motorcycle"]))
                self.thing(name, at, sign * (back + 3.2), sign * np.pi / 2, OFF_LOT, 0.8)
        if rng.random() < 0.15:
            place = (s + rng.uniform(1, 3), sign * (back + setback + 4))
            self.put(scenery.shed(rng), *place, avoid=GARDEN_ONLY, reach=2.5, across=2)

    def _parking_lot(self, block: Block, sign: int, back: float) -> None:
        """Fill three rows of parking spaces, with trees between them and houses behind."""
        rng = self.rng
        for depth in (3.2, 11.5, 17.0):
            fill = rng.uniform(0.3, 0.9)
            for s in np.arange(block.start + 11, block.end - 10, 2.75):
                if rng.random() < fill:
                    name = "car" if rng.random() < 0.93 else str(rng.choice(["van", "motorcycle", "trailer"]))
                    turn = rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.04)
                    self.thing(name, s, sign * (back + depth), turn, OFF_LOT)
        for s in np.arange(block.start + 12, block.end - 10, 12.0):
            if rng.random() < 0.5:
                self.put(scenery.tree(rng, rng.uniform(4, 9)), s, sign * (back + 7.4), avoid=OFF_LOT)
            length = rng.uniform(9, 22)
            if rng.random() < 0.6:
                house, turn = scenery.building(rng, length, 10, rng.uniform(5, 12)), 0.0 if sign > 0 else np.pi
                self.put(house, s, sign * (back + 33), turn, OFF_LOT, length / 2, 5)

    def _green(self, block: Block, sign: int, back: float, dense: bool) -> None:
        """Fill a park or wild growth: trees and bushes, denser and closer to the street when wild."""
        rng = self.rng
        step, start = (2.2, rng.uniform(0.8, 3.0)) if dense else (4.5, 3.0)
        verge_hedge = rng.random() < 0.4
        color = leaf_color(rng)
        for s in np.arange(block.start + 6, block.end - 5, step):
            for _ in range(2):
                d = sign * (back + start + rng.exponential(5.0 if dense else 14.0))
                if rng.random() < (0.6 if dense else 0.35):
                    shape = scenery.bush(rng, rng.uniform(0.6, 2.4 if dense else 1.2))
                elif rng.random() < 0.2:
                    shape = scenery.conifer(rng, rng.uniform(4, 13))
                else:
                    shape = scenery.tree(rng, rng.uniform(5, 15))
                self.put(shape, s + rng.uniform(-step, step), d, avoid=(*OFF_LOT, Zone.ISLAND))
            for _ in range(3 if dense else 2):  # undergrowth
                d = sign * (back + rng.uniform(1.0, 3.0) + rng.exponential(6.0))
                size = (rng.uniform(2, 5), rng.uniform(0.3, 1.1), rng.uniform(1.2, 3.5))
                shape = scenery.hedge(rng, *size, leaf_color(rng))
                self.put(shape, s + rng.uniform(-2, 2), d, avoid=(*OFF_LOT, Zone.ISLAND), reach=2.5, across=1.7)
            if verge_hedge:
                shape = scenery.hedge(rng, step, 2.0 if dense else 1.0, 0.9, color)
                self.put(shape, s, sign * (back + 0.7), avoid=OFF_LOT, reach=2.0)
        if rng.random() < (0.45 if dense else 0.4):
            style, paint = int(rng.integers(4)), wall_color(rng)
            for s in np.arange(block.start + 6, block.end - 5, 2.5):
                self.put(scenery.fence(rng, 2.5, 1.3, style, paint), s, sign * (back + 0.4), avoid=OFF_LOT, reach=1.0)
