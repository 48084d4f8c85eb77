"""SGN: published sizes, past frames cached or not, and networks without one guidance or both."""

import functools
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from ssc_ros.core import SSCBENCH_KITTI_360, SceneGrid
from ssc_ros.networks.backbones.residual import ResidualEncoder
from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.points import PointEvidence
from ssc_ros.networks.guidance.semantic import SemanticGuidance
from ssc_ros.networks.heads.enlarged import EnlargedHead
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.volume.sdb import SemanticDiffusion
from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import build
from ssc_ros.systems.published.sizes import PUBLISHED_SIZES
from ssc_ros.systems.sgn.network import GeometryGuidance, Sgn
from ssc_ros.systems.sgn.presets import DISCARDED, POINTS, PRESETS
from ssc_ros.systems.spec import History, InputSpec

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
def summary(preset):
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    return {row.name: row for row in summarize(lambda: build("sgn", preset))}


@pytest.mark.parametrize("preset", PUBLISHED)
def test_every_module_has_the_published_size(preset):
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
def test_dense_modules_cost_what_the_published_ones_do(preset):
    rows = summary(preset)
    assert {name: round(rows[name].flops / 1e9, 1) for name in GFLOPS[preset]} == GFLOPS[preset]


@pytest.mark.parametrize("preset", FULL)
def test_kitti_360_has_its_presets(preset):
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    with torch.device("meta"):
        network = build("sgn", f"{preset}-kitti-360")
    assert network.class_count == len(SSCBENCH_KITTI_360)
    assert network.spec.image_size == (376, 1408)
    assert network.spec.history == build_spec(preset).history


def build_spec(preset: str) -> InputSpec:
    with torch.device("meta"):
        return build("sgn", preset).spec


def test_a_guidance_that_is_switched_off_does_not_exist():
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


SPEC = InputSpec(
    image_size=(32, 64),
    grid=SceneGrid((0.0, -3.2, -1.6), 0.2, (32, 32, 16)),
    pair=POINTS,
    history=History(2),
)


def tiny(spec: InputSpec = SPEC, *, geometry: bool = True, semantics: bool = True) -> Sgn:
    torch.manual_seed(0)
    half, width = spec.grid.coarsened(2), 8
    return Sgn(
        spec,
        20,
        nn.Sequential(ResidualEncoder((8, 8), 1), Only()),
        LineOfSightLift(half, spec.image_size, 4),
        nn.Conv3d(width, width, 3, padding=1),
        GeometryGuidance(
            GeometryHead(SemanticDiffusion(width, width, 0), nn.Conv3d(width, 1, 3, padding=1)),
            ProposalNetwork(PointEvidence(spec.grid), BirdEyeUNet(spec.grid.shape[2]), OccupancyHead()),
        )
        if geometry
        else None,
        SemanticGuidance(width, 20) if semantics else None,
        SemanticDiffusion(width + 8 * geometry, width, 1),
        EnlargedHead(width, 20),
    )


class Only(nn.Module):
    def forward(self, pyramid):
        (level,) = pyramid
        return level


def inputs(batch: int = 2, past: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)

    def projection(*shape):
        camera = torch.tensor([[32.0, 0, 32], [0, 32, 16], [0, 0, 1]])
        optical = torch.tensor([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0.3]])
        return (camera @ optical).expand(*shape, 3, 4) + 0.1 * torch.rand(*shape, 3, 4, generator=generator)

    def image(*shape):
        return torch.randint(0, 256, (*shape, 3, 32, 64), generator=generator, dtype=torch.uint8)

    low, high = (torch.tensor(c) for c in (SPEC.grid.min_corner, SPEC.grid.max_corner))
    return {
        "image": image(batch),
        "projection": projection(batch),
        "stereo_points": low + (high - low) * torch.rand(batch, 400, 3, generator=generator),
        "past_image": image(batch, past),
        "past_projection": projection(batch, past),
        "past_valid": torch.ones(batch, past, dtype=torch.bool),
    }


@torch.no_grad()
def test_a_past_frame_may_come_as_image_or_as_memory():
    network, frames = tiny().eval(), inputs()
    passed = []
    network.encoder.register_forward_hook(lambda module, args, output: passed.append(len(output)))
    remembered = [network(frames | {"image": frames["past_image"][:, i]}).memory for i in range(2)]
    expected = network(frames)
    passed.clear()
    cached = frames | {"past_memory": torch.stack(remembered, dim=1)}
    del cached["past_image"]
    streamed = network(cached)
    assert passed == [2]  # the current image of both scenes, and nothing else
    torch.testing.assert_close(streamed.scene.dense(), expected.scene.dense(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(streamed.memory, expected.memory, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_past_matters_where_it_is_valid_and_not_where_it_is_not():
    network, frames = tiny().eval(), inputs()
    whole = network(frames).scene.dense()
    frames["past_valid"] = torch.tensor([[False, False], [True, True]])
    blinded = network(frames).scene.dense()
    torch.testing.assert_close(blinded[1], whole[1], atol=1e-5, rtol=1e-5)
    assert (blinded[0] - whole[0]).abs().max() > 1e-3
    # without a valid past, the network of single frames says the same
    single = tiny(replace(SPEC, history=History())).eval()
    assert single(frames).memory is None
    torch.testing.assert_close(single(frames).scene.dense()[0], blinded[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("geometry", [False, True])
@pytest.mark.parametrize("semantics", [False, True])
def test_each_guidance_is_supervised_in_training_alone(geometry, semantics):
    network, frames = tiny(geometry=geometry, semantics=semantics), inputs()
    output = network.train()(frames)
    assert set(output.occupancy) == ({"lifted", "proposed"} if geometry else set())
    assert all(logits.shape == (2, 16, 16, 8) for logits in output.occupancy.values())
    assert (output.seeds is not None) == semantics
    if output.seeds is not None:
        assert output.seeds.logits.shape == (len(output.seeds.index), 20)
        assert output.seeds.index.max() < 2 * 16 * 16 * 8
    output = network.eval()(frames)
    assert not output.occupancy
    assert output.seeds is None
    assert output.scene.dense().shape == (2, 20, 32, 32, 16)


def test_seeds_learn_and_proposals_are_not_taught_by_them():
    """Which voxels are proposed is a decision; its logits learn from occupancy alone."""
    network = tiny().train()
    network(inputs()).seeds.logits.square().mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in network.geometry.parameters())
    assert network.encoder[0].stem[0].weight.grad.abs().sum() > 0


@torch.no_grad()
def test_a_scene_without_points_is_no_error():
    network, frames = tiny().eval(), inputs()
    frames["stereo_points"][0] = torch.nan
    alone = network({key: value[:1] for key, value in frames.items()}).scene.dense()
    assert alone.isfinite().all()
    torch.testing.assert_close(network(frames).scene.dense()[:1], alone, atol=1e-5, rtol=1e-5)
