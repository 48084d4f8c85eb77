"""HTCL's presets: published sizes, and what it costs to look back."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_block
from ssc_ros.profiling.summary import ModuleSummary, summarize
from ssc_ros.systems import build
from ssc_ros.systems.published.sizes import PUBLISHED_SIZES

UNUSED_QUERY = 4 * 384
"""A query that the published attention projects from the temporal volume and never uses."""
PUBLISHED = {
    "encoder.backbone": (63_786_960, 0),
    "encoder.neck": (6_704_384, 0),
    # two gates read 12 numbers of the camera instead of 30; of those, the norm has two weights each
    "depth.mono": (43_428_798, -(30 - 12) * (2 * 640 + 2)),
    "depth.interaction": (3_394_657, 0),
    "lift": (0, 0),
    "trunk.backbone": (32_924_416, 0),
    "trunk.neck": (4_473_600, 0),
    "temporal.matching": (157_504, 0),
    "temporal.branch.affinity": (1_731 + 252, 0),
    "temporal.branch.refinement": (33_939, 0),
    "temporal.branch.frustum": (1_280_864, 0),
    "temporal.branch.volume": (1_886_528, 0),
    "temporal.fusion": (8_832 + 1, -UNUSED_QUERY),
    "head": (1_994_880, 0),
}
"""Module -> parameters of the published one, and how many ours has more. The matcher has no counterpart."""
ELSEWHERE = {
    "NAS-searched matcher": 1_724_945,
    "pose networks": 11_698_920 + 1_314_572,
    "pixel grids": 13_824_000,
    "frustum": 2_580_480 + 9,
    "head of points": 246_144 + 74_306 + 155_540,
}
"""What else the published total counts."""
TOTAL = 191_696_262

GFLOPS = {
    "encoder.backbone": 101.0,
    "encoder.neck": 7.3,
    "depth.mono": 622.1,
    "depth.interaction": 321.5,
    "trunk.backbone": 1548.3,
    "temporal.branch.frustum": 363.8,
    "temporal.branch.volume": 428.4,
    "temporal.branch.refinement": 58.1,
    "head": 1045.7,
}
"""Of the published code on one real frame, counted in the same way."""


@functools.cache
def summary(preset: str) -> dict[str, ModuleSummary]:
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    return {row.name: row for row in summarize(lambda: build("htcl", preset))}


def test_every_module_has_the_published_size() -> None:
    rows = summary("full")
    assert {name: rows[name].parameters for name in PUBLISHED} == {
        name: published + more for name, (published, more) in PUBLISHED.items()
    }
    assert sum(rows[name].parameters for name in PUBLISHED) + rows["matcher"].parameters == rows[""].parameters
    assert sum(published for published, _ in PUBLISHED.values()) + sum(ELSEWHERE.values()) == TOTAL
    assert PUBLISHED_SIZES["htcl", "full"].parameters == TOTAL


@pytest.mark.parametrize("module", GFLOPS)
def test_the_operations_are_those_of_the_published_network(module: str) -> None:
    # taps of a deformable convolution are a product here, and sampling, which counts as nothing, there
    assert summary("full")[module].flops / 1e9 == pytest.approx(GFLOPS[module], rel=0.01)


def test_full_works_on_the_published_shapes() -> None:
    rows = summary("full")
    assert rows["temporal.branch.frustum"].outputs == ((1, 64, 112, 48, 160),)
    assert rows["temporal.branch.affinity"].outputs == ((1, 1, 112, 48, 160),)
    assert rows["temporal.branch"].outputs == ((1, 64, 128, 128, 16),)
    assert rows["temporal.branch.volume"].outputs == ((1, 384, 128, 128, 16),)
    assert rows["trunk.backbone"].outputs == ((1, 128, 128, 128, 16), (1, 256, 64, 64, 8), (1, 512, 32, 32, 4))


def test_the_other_data_set_differs_by_its_classes_alone() -> None:
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    with torch.device("meta"):
        kitti, other = build("htcl", "full"), build("htcl", "full_kitti_360")
    assert other.class_count == len(SSCBENCH_KITTI_360)
    assert other.spec.history == kitti.spec.history
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in (kitti, other)]
    assert {name for name in shapes[0] if shapes[0][name] != shapes[1][name]} == {"head.layers.1.weight"}


@pytest.mark.parametrize("preset", ["edge", "edge_mean"])
def test_looking_back_costs_no_more_operations_than_the_issue_allows(preset: str) -> None:
    """With the memory of past frames kept: 1.6 times those of the network of single frames."""
    assert summary(preset)[""].flops <= 1.6 * summary("edge_single")[""].flops


@pytest.mark.parametrize("preset", ["edge", "edge_mean"])
def test_variants_differ_by_what_is_temporal_alone(preset: str) -> None:
    """The branch, and weights for what past pairs have measured beside those for what this one has."""
    parts, single = (
        {row.name: row.parameters for row in summary(name).values() if "." not in row.name and row.name}
        for name in (preset, "edge_single")
    )
    assert parts.keys() - single.keys() == {"temporal"}
    more = {name: parts[name] - n for name, n in single.items() if parts[name] != n}
    assert more == {"fuse": 8 * 16, "head": 16 * 8 * (64 + 16)}


def test_the_image_branch_of_l2cocc_starts_it(tmp_path: Path) -> None:
    from ssc_ros.inference.checkpoint import save_checkpoint

    torch.manual_seed(1)
    image = build("l2cocc_image", "edge")
    metadata = CheckpointMetadata(
        "image", "l2cocc_image", "edge", SEMANTIC_KITTI.name, image.spec.grid, image.spec.sensors
    )
    path = tmp_path / "image.safetensors"
    save_checkpoint(path, image, metadata)
    network = build("htcl", "edge")
    for block in ("encoder.0", "encoder", "depth"):
        load_block(network, block, path)
    assert torch.equal(network.encoder[0].stem[0].weight, image.encoder[0].stem[0].weight)
    assert torch.equal(network.depth.logits.weight, image.depth.logits.weight)
