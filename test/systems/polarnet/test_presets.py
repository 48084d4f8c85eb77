"""PolarNet's preset `full` against the published network, counted in the published code."""

from __future__ import annotations

from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import dry_run

PUBLISHED = {
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
}
"""Our modules -> parameters of the published ones."""
TOTAL = 13_644_530
TAPS = {
    "bird.down1": (128, 240, 180),
    "bird.down3": (512, 60, 45),
    "bird.up3": (256, 60, 45),
    "bird.up1": (64, 240, 180),
    "bird.up0": (64, 480, 360),
}
"""Shapes of the features that the published distillation compares."""


def test_every_part_has_the_published_size() -> None:
    rows = {row.name: row.parameters for row in summarize(lambda: build("polarnet", "full"))}
    assert {name: rows[name] for name in PUBLISHED} == PUBLISHED
    assert rows[""] == sum(PUBLISHED.values()) == TOTAL


def test_the_taps_have_the_published_shapes() -> None:
    taps = dry_run(lambda: build("polarnet", "full")).taps
    assert {name: tuple(taps[name].shape) for name in TAPS} == {name: (1, *shape) for name, shape in TAPS.items()}
