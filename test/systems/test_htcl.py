"""HTCL: published sizes, past frames cached or not, streams equal to samples, and what it costs to look back."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, DepthBins, Frame, SceneGrid, StereoRig, poses
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_block
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
from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import build
from ssc_ros.systems.htcl.network import Htcl, TemporalContext, Trunk
from ssc_ros.systems.published.sizes import PUBLISHED_SIZES
from ssc_ros.systems.spec import History, InputSpec

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
def summary(preset):
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    return {row.name: row for row in summarize(lambda: build("htcl", preset))}


def test_every_module_has_the_published_size():
    rows = summary("full")
    assert {name: rows[name].parameters for name in PUBLISHED} == {
        name: published + more for name, (published, more) in PUBLISHED.items()
    }
    assert sum(rows[name].parameters for name in PUBLISHED) + rows["matcher"].parameters == rows[""].parameters
    assert sum(published for published, _ in PUBLISHED.values()) + sum(ELSEWHERE.values()) == TOTAL
    assert PUBLISHED_SIZES["htcl", "full"].parameters == TOTAL


@pytest.mark.parametrize("module", GFLOPS)
def test_the_operations_are_those_of_the_published_network(module):
    # taps of a deformable convolution are a product here, and sampling, which counts as nothing, there
    assert summary("full")[module].flops / 1e9 == pytest.approx(GFLOPS[module], rel=0.01)


def test_full_works_on_the_published_shapes():
    rows = summary("full")
    assert rows["temporal.branch.frustum"].outputs == ((1, 64, 112, 48, 160),)
    assert rows["temporal.branch.affinity"].outputs == ((1, 1, 112, 48, 160),)
    assert rows["temporal.branch"].outputs == ((1, 64, 128, 128, 16),)
    assert rows["temporal.branch.volume"].outputs == ((1, 384, 128, 128, 16),)
    assert rows["trunk.backbone"].outputs == ((1, 128, 128, 128, 16), (1, 256, 64, 64, 8), (1, 512, 32, 32, 4))


def test_the_other_data_set_differs_by_its_classes_alone():
    pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    with torch.device("meta"):
        kitti, other = build("htcl", "full"), build("htcl", "full_kitti_360")
    assert other.class_count == len(SSCBENCH_KITTI_360)
    assert other.spec.history == kitti.spec.history
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in (kitti, other)]
    assert {name for name in shapes[0] if shapes[0][name] != shapes[1][name]} == {"head.layers.1.weight"}


@pytest.mark.parametrize("preset", ["edge", "edge_mean"])
def test_looking_back_costs_no_more_operations_than_the_issue_allows(preset):
    """With the memory of past frames kept: 1.6 times those of the network of single frames."""
    assert summary(preset)[""].flops <= 1.6 * summary("edge_single")[""].flops


@pytest.mark.parametrize("preset", ["edge", "edge_mean"])
def test_variants_differ_by_what_is_temporal_alone(preset):
    """The branch, and weights for what past pairs have measured beside those for what this one has."""
    parts, single = (
        {row.name: row.parameters for row in summary(name).values() if "." not in row.name and row.name}
        for name in (preset, "edge_single")
    )
    assert parts.keys() - single.keys() == {"temporal"}
    more = {name: parts[name] - n for name, n in single.items() if parts[name] != n}
    assert more == {"fuse": 8 * 16, "head": 16 * 8 * (64 + 16)}


def test_the_image_branch_of_l2cocc_starts_it(tmp_path):
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
    trunk = Trunk(WideningResNet3d(neck.outputs, (8, 8), 1), neck)
    return wired(
        spec,
        lift=lift,
        fuse=MeasuredFusion(lift.outputs(8), 8, wide.shape, 16),
        trunk=Coarsened(trunk, 8, 8, neck.outputs, fold=(1, 1, 2)),
        temporal=TemporalContext(
            nn.Conv2d(8, 8, 1), temporal_branch(spec, spec.grid.coarsened(4), width), TemporalFusion(width)
        ),
        head=ColumnHead(8, wide.shape[2], 8, np.ones(len(SEMANTIC_KITTI)), sources=2),
        arrange=beside_columns,
    )


def wired(spec: InputSpec, **parts) -> Htcl:
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
def test_a_streamed_drive_is_that_of_its_samples(make):
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
def test_what_past_pairs_have_measured_reaches_the_scene():
    network, frames = tiny_wide().eval(), drive()
    inputs = sample(frames, 12, MEASURED)
    assert "stereo_points" not in inputs
    nothing = inputs | {"past_voxels": torch.zeros_like(inputs["past_voxels"])}
    assert (network(inputs).scene.dense() - network(nothing).scene.dense()).abs().max() > 1e-3


@torch.no_grad()
def test_the_past_matters_and_so_does_its_pose():
    network, frames = tiny().eval(), drive()
    whole = sample(frames, 12)
    logits = network(whole).scene.dense()
    alone = network(whole | {"past_valid": torch.zeros(1, 2, dtype=torch.bool)}).scene.dense()
    assert (logits - alone).abs().max() > 1e-3
    standing = whole["projection"][:, None].repeat(1, 2, 1, 1)
    assert (network(whole | {"past_projection": standing}).scene.dense() - logits).abs().max() > 1e-3


@torch.no_grad()
def test_without_a_valid_past_it_is_the_network_of_single_frames():
    network, frames = tiny().eval(), drive()
    single = tiny(replace(SPEC, history=History())).eval()
    single.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("temporal")})
    inputs = sample(frames, 0)
    assert not inputs["past_valid"].any()
    torch.testing.assert_close(network(inputs).scene.dense(), single(inputs).scene.dense())
    assert single(inputs).memory is None
    assert single.remember(inputs) is None


@torch.no_grad()
def test_remembering_is_what_predicting_leaves_behind():
    network, inputs = tiny().eval(), sample(drive(), 12)
    torch.testing.assert_close(network.remember(inputs), network(inputs).memory)


def test_the_temporal_volume_is_supervised_in_training_alone():
    network, inputs = tiny().train(), sample(drive(), 12)
    inputs = {key: value.repeat(2, *[1] * (value.ndim - 1)) for key, value in inputs.items()}
    output = network(inputs)
    assert output.temporal.dense().shape == output.scene.dense().shape
    output.temporal.half.square().sum().backward()
    assert network.temporal.branch.refinement.deformable[0].weight.grad.abs().sum() > 0
    assert network.encoder[0].stem[0].weight.grad.abs().sum() > 0
    assert network.trunk.backbone.entry[0].weight.grad is None
    assert network.eval()(inputs).temporal is None
