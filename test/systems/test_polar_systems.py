"""PolarNet and Cylinder3D: the published sizes, and a cloud of any kind in, a class for each point out."""

import math

import numpy as np
import pytest
import torch

from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import dry_run

from .test_systems import frame, network

PUBLISHED = {
    "polarnet": {
        "encoder.layers": 174_482,
        "encoder.compress": 16_416,
        "unet.norm": 64,
        "unet.entry": 55_744 - 64,
        "unet.downs.0": 221_952,
        "unet.downs.1": 886_272,
        "unet.downs.2": 3_542_016,
        "unet.downs.3": 4_721_664,
        "unet.ups.3": 2_950_656,
        "unet.ups.2": 738_048,
        "unet.ups.1": 184_704,
        "unet.ups.0": 110_976,
        "head": 41_600,
    },
    "cylinder3d": {
        "encoder.layers": 108_690,
        "encoder.compress": 4_112,
        "unet.context": 27_904,
        "unet.blocks.0": 221_696 - 110_592,
        "unet.downs.0": 110_592,
        "unet.blocks.1": 885_760 - 442_368,
        "unet.downs.1": 442_368,
        "unet.blocks.2": 3_540_992 - 1_769_472,
        "unet.downs.2": 1_769_472,
        "unet.blocks.3": 14_159_872 - 7_077_888,
        "unet.downs.3": 7_077_888,
        "unet.ups.3": 25_956_352,
        "unet.ups.2": 8_259_584,
        "unet.ups.1": 2_065_408,
        "unet.ups.0": 516_608,
        "unet.gate": 37_248,
        "head": 69_140,
    },
}
"""System -> our modules -> parameters of the published ones, counted in the published code."""
TOTAL = {"polarnet": 13_644_530, "cylinder3d": 55_853_366}
TAPS = {
    "polarnet": {"bird.down1": 128, "bird.down3": 512, "bird.up3": 256, "bird.up1": 64, "bird.up0": 64},
    "cylinder3d": {"bird.down1": 64, "bird.down3": 256, "bird.up3": 512, "bird.up1": 128, "bird.up0": 64},
}
"""Channels of what the published distillation compares."""
SIZES = {"bird.down1": (240, 180), "bird.down3": (60, 45), "bird.up3": (60, 45), "bird.up1": (240, 180)}


@pytest.mark.parametrize("system", TOTAL)
def test_every_part_has_the_published_size(system):
    rows = {row.name: row.parameters for row in summarize(lambda: build(system, "full"))}
    assert {name: rows[name] for name in PUBLISHED[system]} == PUBLISHED[system]
    assert rows[""] == sum(PUBLISHED[system].values()) == TOTAL[system]


@pytest.mark.parametrize("system", TOTAL)
def test_the_taps_have_the_published_shapes(system):
    taps = dry_run(lambda: build(system, "full")).taps
    for name, channels in TAPS[system].items():
        assert tuple(taps[name].shape) == (1, channels, *SIZES.get(name, (480, 360)))


@pytest.fixture(scope="module", params=sorted(TOTAL))
def model(request):
    return network(f"{request.param} edge").eval()


def cloud(seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(frame(seed).points)[None]


def test_each_point_has_a_class_and_padding_none(model):
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


def test_the_order_of_the_points_is_nothing(model):
    points = cloud()
    order = torch.from_numpy(np.random.default_rng(0).permutation(points.shape[1]))
    with torch.inference_mode():
        expected = model({"cloud": points}).points.dense()[:, order]
        found = model({"cloud": points[:, order]}).points.dense()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("training", [False, True])
def test_a_sweep_of_hardly_any_points_is_no_special_case(model, count, training):
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
