"""The synthetic scene has every input that a network may read."""

from __future__ import annotations

import pytest

from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.systems import SYSTEMS
from ssc_ros.systems.dry_run import empty_inputs


@pytest.mark.parametrize(("system", "preset"), [("l2cocc", "edge_fused"), ("sgn", "edge_t"), ("vlscene", "edge")])
def test_the_made_street_has_every_input(system: str, preset: str) -> None:
    spec = SYSTEMS[system][preset]().spec
    made, expected = synthetic_inputs(spec), empty_inputs(spec)
    assert made.keys() == expected.keys()
    for key, value in made.items():
        assert value.dtype == expected[key].dtype
        if key not in ("stereo_points", "points"):  # as many as there are
            assert value.shape == expected[key].shape
    for key in made.keys() & {"stereo_depth", "stereo_voxels", "lidar_voxels"}:
        assert 0.001 < (made[key] > 0).float().mean() < 1
