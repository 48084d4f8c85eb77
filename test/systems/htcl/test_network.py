"""HTCL: past frames cached or not, and streams equal to samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI, DepthBins, Frame, SceneGrid, StereoRig, poses
from ssc_ros.inference.checkpoint import CheckpointMetadata
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.history import Past, join, nearest_stamps
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.depth.depth_net import DepthNet
from ssc_ros.networks.heads.columns import ColumnHead, beside_columns
from ssc_ros.networks.heads.upsampled import UpsampledHead
from ssc_ros.networks.lift.depth_weighted import DepthWeightedLift
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.lift.frustum_sampling import FrustumSampling
from ssc_ros.networks.lift.splat import SplatLift
from ssc_ros.networks.temporal.affinity import CrossFrameAffinity
from ssc_ros.networks.temporal.branch import BeyondView, TemporalBranch
from ssc_ros.networks.temporal.fusion import TemporalFusion
from ssc_ros.networks.temporal.refinement import DynamicRefinement
from ssc_ros.networks.volume.coarsened import Coarsened
from ssc_ros.networks.volume.measured import MeasuredFusion
from ssc_ros.networks.volume.pyramid import SecondFpn3d, WideningResNet3d
from ssc_ros.systems.htcl.network import Htcl, TemporalContext, Trunk
from ssc_ros.systems.spec import History, InputSpec

GRID = SceneGrid((0.0, -3.2, -2.0), 0.2, (32, 32, 16))
BINS = DepthBins(1.0, 0.5, 12)
SPEC = InputSpec(
    image_size=(32, 64),
    context_size=(8, 16),
    grid=GRID,
    bins=BINS,
    pair=("stereo_depth",),
    history=History(2, 0.5, 0.05),
)
OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[80.0, 0, 64], [0, 80, 32], [0, 0, 1]]), 0.5, (64, 128), OPTICAL)
SECOND = 1_000_000_000


MEASURED = replace(
    SPEC, pair=("stereo_depth", "stereo_voxels", "stereo_points"), history=replace(SPEC.history, measured=True)
)


def temporal_branch(spec: InputSpec, grid: SceneGrid, width: int) -> TemporalBranch:
    kept = 4
    return TemporalBranch(
        BINS,
        spec.context_size,
        spec.image_size,
        kept,
        reduce=nn.Conv2d(kept, 2, 1),
        affinity=CrossFrameAffinity(8, 4, 2),
        refinement=DynamicRefinement(4, 4, 2),
        frustum=nn.Conv3d(4, 4, 3, padding=1),
        lift=FrustumSampling(grid, BINS, spec.image_size),
        beyond=BeyondView(LineOfSightLift(grid, spec.image_size, 4), kept, 4),
        volume=nn.Conv3d(4, width, 3, padding=1),
    )


def tiny(spec: InputSpec = SPEC) -> Htcl:
    """The whole wiring of `full`, without its size and its matcher."""
    torch.manual_seed(0)
    half, width = spec.grid.coarsened(2), 32
    neck = SecondFpn3d((8, 8), width // 2)
    return wired(
        spec,
        lift=SplatLift(half, BINS, spec.image_size),
        fuse=None,
        trunk=Trunk(WideningResNet3d(8, (8, 8), 1), neck),
        temporal=TemporalContext(nn.Conv2d(8, 8, 1), temporal_branch(spec, half, width), TemporalFusion(width))
        if spec.history.count
        else None,
        head=UpsampledHead(width, 32, len(SEMANTIC_KITTI)),
    )


def tiny_wide(spec: InputSpec = MEASURED) -> Htcl:
    """The whole wiring of `edge`, without its size."""
    torch.manual_seed(0)
    half, width = spec.grid.coarsened(2), 16
    wide, neck = half.widened(2), SecondFpn3d((8, 8), 16 // 2)
    lift = DepthWeightedLift(half, BINS, spec.image_size, 2)
    trunk = Trunk(WideningResNet3d(neck.out_channels, (8, 8), 1), neck)
    return wired(
        spec,
        lift=lift,
        fuse=MeasuredFusion(lift.out_channels(8), 8, wide.shape, 16),
        trunk=Coarsened(trunk, 8, 8, neck.out_channels, fold=(1, 1, 2)),
        temporal=TemporalContext(
            nn.Conv2d(8, 8, 1), temporal_branch(spec, spec.grid.coarsened(4), width), TemporalFusion(width)
        ),
        head=ColumnHead(8, wide.shape[2], 8, np.ones(len(SEMANTIC_KITTI)), sources=2),
        arrange=beside_columns,
    )


def wired(spec: InputSpec, **parts: Any) -> Htcl:
    """Both see alike; scales that would start at 0 and hide what they scale do not."""
    made = Htcl(
        spec,
        len(SEMANTIC_KITTI),
        encoder=nn.Sequential(ResidualEncoder((8, 8, 16), 1), TopDownNeck((8, 16), 8)),
        matcher=None,
        depth=DepthNet(8, 8, 8, BINS),
        **parts,
    )
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name.endswith("alpha"):
                parameter.fill_(0.5)
    return made


def pose(x: float) -> np.ndarray:
    return poses.from_quaternion(np.array([0, 0, np.sin(0.05 * x), np.cos(0.05 * x)]), np.array([x, 0.1 * x, 0]))


def drive(count: int = 13) -> list[Frame]:
    """Noise on a wall 5 m ahead, by a vehicle of 2 m/s in a slow bend; ten frames a second."""
    frames = []
    for i in range(count):
        image = np.random.default_rng(i).integers(0, 256, (*RIG.image_size, 3), np.uint8)
        frames.append(
            Frame(SECOND * (10 + i) // 10, image, np.roll(image, -8, axis=1), RIG, T_world_grid=pose(0.2 * i))
        )
    return frames


def sample(frames: list[Frame], now: int, spec: InputSpec = SPEC) -> dict[str, torch.Tensor]:
    """A frame with its past as training has it: by images; a batch of one."""
    prepare = InputPreparer(spec)
    chosen = nearest_stamps([f.stamp for f in frames], frames[now].stamp, spec.history)
    past = [
        None
        if i is None
        else Past(prepare(frames[i]), poses.inverse(frames[i].T_world_grid) @ frames[now].T_world_grid)
        for i in chosen
    ]
    return {key: value[None] for key, value in join(prepare(frames[now]), past, spec).items()}


@torch.no_grad()
@pytest.mark.parametrize("make", [tiny, tiny_wide])
def test_a_streamed_drive_is_that_of_its_samples(make: Callable[[], Htcl]) -> None:
    """Memories kept by a stream, against images encoded anew; 1e-4 on every logit."""
    network, frames = make().eval(), drive()
    metadata = CheckpointMetadata("tiny", "htcl", "tiny", SEMANTIC_KITTI.name, GRID, SPEC.sensors)
    completer, streamed, used = SceneCompleter(network, metadata, device="cpu"), [], []
    hook = network.register_forward_hook(lambda module, inputs, output: streamed.append(output.scene.dense()))
    for frame in frames:
        completer.complete(frame)
        used.append(completer.past_frames)
    hook.remove()
    assert used == [0] * 5 + [1] * 5 + [2] * 3
    for now, logits in enumerate(streamed):
        inputs = sample(frames, now, network.spec)
        torch.testing.assert_close(network(inputs).scene.dense(), logits, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_what_past_pairs_have_measured_reaches_the_scene() -> None:
    network, frames = tiny_wide().eval(), drive()
    inputs = sample(frames, 12, MEASURED)
    assert "stereo_points" not in inputs
    nothing = inputs | {"past_voxels": torch.zeros_like(inputs["past_voxels"])}
    assert (network(inputs).scene.dense() - network(nothing).scene.dense()).abs().max() > 1e-3


@torch.no_grad()
def test_the_past_matters_and_so_does_its_pose() -> None:
    network, frames = tiny().eval(), drive()
    whole = sample(frames, 12)
    logits = network(whole).scene.dense()
    alone = network(whole | {"past_valid": torch.zeros(1, 2, dtype=torch.bool)}).scene.dense()
    assert (logits - alone).abs().max() > 1e-3
    standing = whole["projection"][:, None].repeat(1, 2, 1, 1)
    assert (network(whole | {"past_projection": standing}).scene.dense() - logits).abs().max() > 1e-3


@torch.no_grad()
def test_without_a_valid_past_it_is_the_network_of_single_frames() -> None:
    network, frames = tiny().eval(), drive()
    single = tiny(replace(SPEC, history=History())).eval()
    single.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("temporal")})
    inputs = sample(frames, 0)
    assert not inputs["past_valid"].any()
    torch.testing.assert_close(network(inputs).scene.dense(), single(inputs).scene.dense())
    assert single(inputs).memory is None
    assert single.remember(inputs) is None


@torch.no_grad()
def test_remembering_is_what_predicting_leaves_behind() -> None:
    network, inputs = tiny().eval(), sample(drive(), 12)
    torch.testing.assert_close(network.remember(inputs), network(inputs).memory)


def test_the_temporal_volume_is_supervised_in_training_alone() -> None:
    network, inputs = tiny().train(), sample(drive(), 12)
    inputs = {key: value.repeat(2, *[1] * (value.ndim - 1)) for key, value in inputs.items()}
    output = network(inputs)
    assert output.temporal.dense().shape == output.scene.dense().shape
    output.temporal.half.square().sum().backward()
    assert network.temporal.branch.refinement.deformable[0].weight.grad.abs().sum() > 0
    assert network.encoder[0].stem[0].weight.grad.abs().sum() > 0
    assert network.trunk.backbone.entry[0].weight.grad is None
    assert network.eval()(inputs).temporal is None
