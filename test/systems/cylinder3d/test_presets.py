"""Cylinder3D's preset `full` against the published network, counted in the published code."""

from __future__ import annotations

from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import dry_run

PUBLISHED = {
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
}
"""Our modules -> parameters of the published ones."""
TOTAL = 55_853_366
TAPS = {
    "bird.down1": (64, 240, 180),
    "bird.down3": (256, 60, 45),
    "bird.up3": (512, 60, 45),
    "bird.up1": (128, 240, 180),
    "bird.up0": (64, 480, 360),
}
"""Shapes of the features that the published distillation compares."""


def test_every_part_has_the_published_size() -> None:
    rows = {row.name: row.parameters for row in summarize(lambda: build("cylinder3d", "full"))}
    assert {name: rows[name] for name in PUBLISHED} == PUBLISHED
    assert rows[""] == sum(PUBLISHED.values()) == TOTAL


def test_the_taps_have_the_published_shapes() -> None:
    taps = dry_run(lambda: build("cylinder3d", "full")).taps
    assert {name: tuple(taps[name].shape) for name in TAPS} == {name: (1, *shape) for name, shape in TAPS.items()}
