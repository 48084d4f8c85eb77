"""VLScene's presets: the published network, counted in the published code, and parts that can be absent."""

from __future__ import annotations

import functools

import pytest
import torch

from ssc_ros.profiling.summary import ModuleSummary, summarize
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import dry_run, empty_inputs

PUBLISHED = {
    "image.pair.encoder.backbone": (22_404_232, 0),
    # three convolutions whose outputs nobody reads
    "image.pair.encoder.neck": (734_080, -3 * 147_584),
    # two gates read 12 numbers of the camera instead of 30; of those, the norm has two weights each
    "image.mono": (1_788_350, -2 * 128 * (30 - 12) - 2 * (30 - 12)),
    "image.stereo": (3_685_600, -128 * (30 - 12)),
    # attention in windows, with projections of the distribution, instead of one number each
    "image.interaction": (1_170_612, 2 * (4 * 112 * (112 + 1) + 9 * 9 + 1) - 14),
    # reads what the context knows, in training
    "image.probe": (0, 128 * 20 + 20),
    "lift": (0, 0),
    "entry": (128 * 64, 0),
    "propagation": (1_523_712 - 128 * 64, 0),
    "semantics": (13_327_616 - 1_523_712, 0),
    "head.reduce": (884_992, 0),
    "head.diffusion": (683_520, 0),
    "head.classes": (1_428, 0),
}
"""Module -> parameters of the published one, and how many ours has more."""

TOTAL = 44_680_430
"""Learned weights of the published network that run at inference: without the language branch, the head for points and
the coordinates of the frustum."""

GFLOPS = {
    "propagation": 794.6,
    "head.reduce": 463.9,
    "head.diffusion": 357.6,
    "image.mono": 25.5,
    "image.stereo": 466.0,
}
"""Of the published code on one real frame, counted in the same way. (Propagation is published as 798.9 with its entry,
which is 4.3.)"""


@functools.cache
def summary(preset: str) -> dict[str, ModuleSummary]:
    return {row.name: row for row in summarize(lambda: build("vlscene", preset))}


def test_every_module_has_the_published_size() -> None:
    rows = summary("full")
    assert {name: rows[name].parameters for name in PUBLISHED} == {
        name: published + more for name, (published, more) in PUBLISHED.items()
    }
    assert sum(published for published, _ in PUBLISHED.values()) == TOTAL
    assert rows[""].parameters == TOTAL + sum(more for _, more in PUBLISHED.values())


@pytest.mark.parametrize("module", GFLOPS)
def test_the_operations_are_those_of_the_published_network(module: str) -> None:
    # reading the volume at the bins is a product here, and sampling, which counts as nothing, there
    assert summary("full")[module].flops / 1e9 == pytest.approx(GFLOPS[module], rel=0.01)


def test_full_works_on_the_published_shapes() -> None:
    rows = summary("full")
    assert rows["lift"].outputs == ((1, 128, 128, 128, 16),)
    assert rows["propagation"].outputs == ((1, 64, 128, 128, 16),)
    assert rows["semantics"].outputs == ((1, 256, 128, 128, 16),)
    assert rows["head.diffusion"].outputs == ((1, 64, 128, 128, 16),)
    for name in ("image.mono", "image.interaction"):
        assert rows[name].outputs[-1] == (1, 112, 48, 160)


@pytest.mark.parametrize("preset", ["edge", "full"])
def test_the_pair_is_all_that_it_reads(preset: str) -> None:
    """No matcher runs before it."""
    with torch.device("meta"):
        spec = build("vlscene", preset).spec
    assert set(empty_inputs(spec)) == {"image", "projection", "right", "focal_baseline"}


@pytest.mark.parametrize(("preset", "absent"), [("edge_without_ngp", "propagation"), ("edge_without_ssi", "semantics")])
def test_a_part_can_be_absent_and_the_rest_is_the_same(preset: str, absent: str) -> None:
    whole, less = summary("edge"), summary(preset)
    assert whole[""].parameters - less[""].parameters == whole[absent].parameters > 0
    assert {name for name in whole if name.split(".")[0] != absent} == set(less)


def test_the_other_data_set_differs_by_its_classifier_alone() -> None:
    with torch.device("meta"):
        kitti, other = build("vlscene", "full"), build("vlscene", "full_kitti_360")
    assert (other.class_count, other.spec.context_size) == (19, (48, 176))
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in (kitti, other)]
    assert {name for name in shapes[0] if shapes[0][name] != shapes[1][name]} == {
        "head.classes.classifier.1.weight", "head.classes.classifier.1.bias", "image.probe.weight", "image.probe.bias"
    }  # fmt: skip


def test_the_share_of_chosen_voxels_is_a_preset() -> None:
    with torch.device("meta"):
        fractions = {p: build("vlscene", p).semantics.fraction for p in ("edge", "edge_all_voxels", "full")}
    assert fractions["edge_all_voxels"] == 1
    assert 0 < fractions["edge"] < fractions["full"] < 0.76, "upstream's share"


def test_what_guidance_reads_are_the_features_of_the_context() -> None:
    for preset, channels in (("edge", 16), ("full", 128)):
        taps = dry_run(lambda preset=preset: build("vlscene", preset)).taps
        assert taps["image.context"].shape == (1, channels, 48, 160)
