"""SGN's presets: published sizes, and networks without one guidance or both."""

from __future__ import annotations

import functools
import re

import pytest
import torch

from ssc_ros.core import SSCBENCH_KITTI_360
from ssc_ros.profiling.summary import ModuleSummary, summarize
from ssc_ros.systems import build
from ssc_ros.systems.published.sizes import DISCARDED, PUBLISHED_SIZES
from ssc_ros.systems.sgn.presets import PRESETS
from ssc_ros.systems.spec import InputSpec

FULL = [name for name in PRESETS if name.startswith("full") and "kitti" not in name]
UNUSED_POINTS = 528 + 1_028 + 1_032
"""A choice of scale and two transposed convolutions that the published proposal network never calls."""
LARGE = {
    "encoder.backbone": (23_508_032, 14_964_736),
    "encoder.neck": (278_784, 0),
    "lift": (0, 0),
    "bottleneck": (442_496, 0),
    "geometry.head": (499_777, 0),
    "geometry.proposals": (350_298, UNUSED_POINTS),
    "semantics.block": (2_174_336, 2 * 32_896),  # the choice of scale again, at both resolutions
    "semantics.classes": (2_836, 0),
    "semantics.fill": (16_704, 0),
    "diffusion": (882_816, 0),
    "head": (1_428, 0),
}
SMALL = {
    "encoder.backbone": (11_176_512, 8_393_728),
    "encoder.neck": (53_376, 0),
    "lift": (0, 0),
    "bottleneck": (110_656, 0),
    "geometry.head": (125_729, 0),
    "geometry.proposals": (350_298, UNUSED_POINTS),
    "semantics.block": (544_448, 2 * 8_256),
    "semantics.classes": (1_428, 0),
    "semantics.fill": (4_256, 0),
    "diffusion": (131_776, 0),
    "head": (724, 0),
}
PUBLISHED = {"full_t": (LARGE, 28_157_507), "full_s": (LARGE, 28_157_507), "full_l": (SMALL, 12_499_203)}
"""Preset -> our modules -> parameters of the published one and how many of them are of no use; the published total."""

GFLOPS = {
    "full_t": {"bottleneck": 231.9, "diffusion": 461.8},
    "full_s": {"bottleneck": 231.9, "diffusion": 461.8},
    "full_l": {"bottleneck": 58.0, "diffusion": 68.9},
}
"""Of the published code, counted in the same way; the other modules depend on the scene."""


@functools.cache
def summary(preset: str) -> dict[str, ModuleSummary]:
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    return {row.name: row for row in summarize(lambda: build("sgn", preset))}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_every_module_has_the_published_size(preset: str) -> None:
    rows = summary(preset)
    modules, total = PUBLISHED[preset]
    ours = {name: rows[name].parameters for name in modules}
    assert ours == {name: published - unused for name, (published, unused) in modules.items()}
    assert sum(ours.values()) == rows[""].parameters
    assert total == sum(published for published, _ in modules.values())
    assert modules["encoder.backbone"][1] == DISCARDED[preset]
    told = PUBLISHED_SIZES["sgn", preset]
    assert told.parameters == total
    named = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", told.remark)]
    assert told.parameters - sum(named) == rows[""].parameters


@pytest.mark.parametrize("preset", GFLOPS)
def test_dense_modules_cost_what_the_published_ones_do(preset: str) -> None:
    rows = summary(preset)
    assert {name: round(rows[name].flops / 1e9, 1) for name in GFLOPS[preset]} == GFLOPS[preset]


@pytest.mark.parametrize("preset", FULL)
def test_kitti_360_has_its_presets(preset: str) -> None:
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    with torch.device("meta"):
        network = build("sgn", f"{preset}-kitti-360")
    assert network.class_count == len(SSCBENCH_KITTI_360)
    assert network.spec.image_size == (376, 1408)
    assert network.spec.history == build_spec(preset).history


def build_spec(preset: str) -> InputSpec:
    with torch.device("meta"):
        return build("sgn", preset).spec


def test_a_guidance_that_is_switched_off_does_not_exist() -> None:
    have = {}
    for preset in ("edge", "edge_t", "edge_geometry", "edge_semantics", "edge_dense"):
        with torch.device("meta"):
            network = build("sgn", preset)
        names = {name.split(".")[0] for name, _ in network.named_parameters()}
        have[preset] = "geometry" in names, "semantics" in names, network.spec.history.count
    assert have == {
        "edge": (True, True, 0),
        "edge_t": (True, True, 2),
        "edge_geometry": (True, False, 0),
        "edge_semantics": (False, True, 0),
        "edge_dense": (False, False, 0),
    }
