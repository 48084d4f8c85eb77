"""PolarNet and Cylinder3D: a cloud of any kind in, a class for each point out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssc_ros.systems import SceneNetwork

from .untrained import frame, network


@pytest.fixture(scope="module", params=["cylinder3d", "polarnet"])
def model(request: pytest.FixtureRequest) -> SceneNetwork:
    return network(f"{request.param} edge").eval()


def cloud(seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(frame(seed).points)[None]


def test_each_point_has_a_class_and_padding_none(model: SceneNetwork) -> None:
    points = cloud()
    padded = torch.cat([points, torch.full((1, 7, 4), math.nan)], dim=1)
    with torch.inference_mode():
        output, longer = model({"cloud": points}), model({"cloud": padded})
    labels = output.points.labels()
    assert labels.shape == points.shape[:2]
    assert output.points.dense().shape == (1, points.shape[1], 20)
    assert set(labels.unique().tolist()) <= set(range(1, 20))
    assert output.scene is None
    assert (longer.points.labels()[0, -7:] == 0).all()
    torch.testing.assert_close(longer.points.cells, output.points.cells)


def test_the_order_of_the_points_is_nothing(model: SceneNetwork) -> None:
    points = cloud()
    order = torch.from_numpy(np.random.default_rng(0).permutation(points.shape[1]))
    with torch.inference_mode():
        expected = model({"cloud": points}).points.dense()[:, order]
        found = model({"cloud": points[:, order]}).points.dense()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_a_sweep_of_hardly_any_points_is_no_special_case(model: SceneNetwork, count: int, training: bool) -> None:
    """In training too, where a single point has no variance to normalise by; batches of empty sweeps included."""
    model.train(training)
    points = torch.full((2, 3, 4), math.nan)
    points[0, :count] = cloud()[0, :count]
    with torch.no_grad():
        output = model({"cloud": points})
    model.eval()
    assert output.points.dense().shape == (2, 3, 20)
    assert output.points.cells.isfinite().all()
    assert (output.points.labels()[1] == 0).all()
