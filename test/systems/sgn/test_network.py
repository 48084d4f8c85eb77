"""SGN: past frames cached or not, and what each guidance supervises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import nn

from ssc_ros.core import SceneGrid
from ssc_ros.networks.backbones.residual import ResidualEncoder
from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.points import PointEvidence
from ssc_ros.networks.guidance.semantic import SemanticGuidance
from ssc_ros.networks.heads.enlarged import EnlargedHead
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.volume.sdb import SemanticDiffusion
from ssc_ros.systems.sgn.network import GeometryGuidance, Sgn
from ssc_ros.systems.sgn.presets import POINTS
from ssc_ros.systems.spec import History, InputSpec

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
        encoder=nn.Sequential(ResidualEncoder((8, 8), 1), Only()),
        lift=LineOfSightLift(half, spec.image_size, 4),
        bottleneck=nn.Conv3d(width, width, 3, padding=1),
        geometry=GeometryGuidance(
            GeometryHead(SemanticDiffusion(width, width, 0), nn.Conv3d(width, 1, 3, padding=1)),
            ProposalNetwork(PointEvidence(spec.grid), BirdEyeUNet(spec.grid.shape[2]), OccupancyHead()),
        )
        if geometry
        else None,
        semantics=SemanticGuidance(width, 20) if semantics else None,
        diffusion=SemanticDiffusion(width + 8 * geometry, width, 1),
        head=EnlargedHead(width, 20),
    )


class Only(nn.Module):
    def forward(self, pyramid: Sequence[torch.Tensor]) -> torch.Tensor:
        (level,) = pyramid
        return level


def inputs(batch: int = 2, past: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)

    def projection(*shape: int) -> torch.Tensor:
        camera = torch.tensor([[32.0, 0, 32], [0, 32, 16], [0, 0, 1]])
        optical = torch.tensor([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0.3]])
        return (camera @ optical).expand(*shape, 3, 4) + 0.1 * torch.rand(*shape, 3, 4, generator=generator)

    def image(*shape: int) -> torch.Tensor:
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
def test_a_past_frame_may_come_as_image_or_as_memory() -> None:
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
def test_the_past_matters_where_it_is_valid_and_not_where_it_is_not() -> None:
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
def test_each_guidance_is_supervised_in_training_alone(geometry: bool, semantics: bool) -> None:
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


def test_seeds_learn_and_proposals_are_not_taught_by_them() -> None:
    """Which voxels are proposed is a decision; its logits learn from occupancy alone."""
    network = tiny().train()
    network(inputs()).seeds.logits.square().mean().backward()
    assert all(p.grad is None or not p.grad.any() for p in network.geometry.parameters())
    assert network.encoder[0].stem[0].weight.grad.abs().sum() > 0


@torch.no_grad()
def test_a_scene_without_points_is_no_error() -> None:
    network, frames = tiny().eval(), inputs()
    frames["stereo_points"][0] = torch.nan
    alone = network({key: value[:1] for key, value in frames.items()}).scene.dense()
    assert alone.isfinite().all()
    torch.testing.assert_close(network(frames).scene.dense()[:1], alone, atol=1e-5, rtol=1e-5)
