"""Streets: coordinates are consistent, the ground is smooth, places differ."""

from __future__ import annotations

import numpy as np
import pytest

from ssc_ros.simulation import road
from ssc_ros.simulation.planning import plan_street
from ssc_ros.simulation.road import Zone


@pytest.fixture(scope="module", params=[1, 2, 3])
def plan(request: pytest.FixtureRequest) -> road.Plan:
    return plan_street(np.random.default_rng(request.param), -100.0, 500.0)[0]


def test_place_and_locate_are_inverse(plan: road.Plan) -> None:
    for s in np.linspace(-60, 450, 20):
        for d in (-18.0, -4.0, 0.0, 2.5, 15.0):
            x, y, _ = road.place(plan, s, d)
            assert road.locate(plan, x, y, -1, 0) == pytest.approx((s, d), abs=0.05)


def test_curves_can_be_driven(plan: road.Plan) -> None:
    heading = np.unwrap(np.arctan2(*np.diff(plan.line, axis=0).T[::-1]))
    assert np.abs(np.diff(heading)).max() / road.SPACING <= 1 / 35 + 1e-3
    assert np.abs(heading).max() < np.radians(80)


def test_the_journey_starts_at_the_origin(plan: road.Plan) -> None:
    assert road.place(plan, 0.0, 0.0)[:2] == pytest.approx((0, 0), abs=0.3)


def test_the_road_is_road_and_beside_it_a_kerb_rises(plan: road.Plan) -> None:
    rises = []
    for s in np.linspace(0, 400, 80):
        x, y, _ = road.place(plan, s, 0.0)
        assert road.zone_at(plan, x, y, s, 0.0).zone == Zone.ROAD
        previous = None
        for d in np.arange(0.0, 9.0, 0.1):
            x, y, _ = road.place(plan, s, d)
            zone = road.zone_at(plan, x, y, s, d).zone
            z = road.height_at(plan, x, y, s, d)
            if previous is not None:
                assert abs(z - previous[1]) < road.KERB_HEIGHT + 0.03  # no cliff
                if previous[0] == Zone.ROAD and zone == Zone.SIDEWALK:
                    rises.append(road.height_at(plan, *road.place(plan, s, d + 0.4)[:2], s, d + 0.4) - previous[1])
            previous = (zone, z)
    assert np.median(rises) == pytest.approx(road.KERB_HEIGHT, abs=0.04)


def test_slopes_are_those_of_streets(plan: road.Plan) -> None:
    heights = [road.height_at(plan, *road.place(plan, s, 0.0)[:2], s, 0.0) for s in np.arange(0, 400, 1.0)]
    assert np.abs(np.diff(heights)).max() < 0.12
