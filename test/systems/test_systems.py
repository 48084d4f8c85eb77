"""One contract for every system: a frame in, a grid out, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssc_ros.core import LABEL_SETS, SEMANTIC_KITTI_GRID, SemanticGrid, SscError
from ssc_ros.inference.checkpoint import CheckpointMetadata
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.systems import SYSTEMS, build
from ssc_ros.training.scene_sample import SceneSample, SceneTruth, collate_scenes

from .untrained import frame, network, prepared

FUSED = [
    "l2cocc edge_fused_raw",
    "l2cocc edge_fused",
    *(f"{system} edge_labelled" for system in ("htcl", "l2cocc", "sgn", "vlscene")),
]
VARIANTS = ["l2cocc edge_fine", "l2cocc_lidar edge_wide"]
EDGE = [*sorted(f"{system} edge" for system, presets in SYSTEMS.items() if "edge" in presets), *FUSED, *VARIANTS]
SCENELESS = (
    "l2cocc_image edge",
    "vlscene_image edge",
    "lang_seg edge",
    "segmenter edge",
    "polarnet edge",
    "cylinder3d edge",
)
"""Those that complete no scene."""
SCENES = [name for name in EDGE if name not in SCENELESS]
VOXELS = 200_000
CHOSEN_OTHERWISE = {"vlscene edge": 0.03}
"""Share of the logits that may differ where a network chooses its voxels: rounding decides between two of nearly the
same strength, and the chosen one's neighbourhood follows."""


def drawn(scene: SceneLogits, count: int = 1) -> torch.Tensor:
    """[B, N, classes] logits of the same N random voxels in each scene of a batch; the whole volume is too large."""
    size = SEMANTIC_KITTI_GRID.size
    index = torch.randint(size, (VOXELS,), generator=torch.Generator().manual_seed(1))
    rows = scene.gather(torch.cat([index + i * size for i in range(count)]))
    return rows.unflatten(0, (count, VOXELS))


@pytest.mark.parametrize("name", SCENES)
def test_a_frame_becomes_a_grid_and_the_same_one_again(name: str) -> None:
    model = network(name)
    label_set = LABEL_SETS["semantic_kitti"]
    metadata = CheckpointMetadata("untrained", *name.split(), label_set.name, model.spec.grid, model.spec.sensors)
    completer = SceneCompleter(model, metadata, device="cpu")
    grid = completer.complete(frame(0))
    assert isinstance(grid, SemanticGrid)
    assert grid.stamp == 123
    assert grid.labels.shape == model.spec.grid.shape
    assert grid.labels.dtype == np.uint8
    assert grid.labels.max() < len(label_set)
    again = completer.complete(frame(0))
    np.testing.assert_array_equal(grid.labels, again.labels)
    np.testing.assert_array_equal(grid.confidence, again.confidence)
    other = completer.complete(frame(1))
    assert (other.confidence != grid.confidence).any() or (other.labels != grid.labels).any()


@pytest.mark.parametrize("name", EDGE)
def test_a_batch_equals_its_frames_one_by_one(name: str) -> None:
    """Sweeps of different lengths included: what fills the shorter one up changes nothing."""
    model = network(name).eval()
    nothing = SceneTruth(*(torch.zeros(1),) * 3)
    samples = [SceneSample(prepared(model, seed), nothing) for seed in (0, 1)]
    with torch.inference_mode():
        both = model(collate_scenes(samples).inputs)
        single = [model({key: value[None] for key, value in sample.inputs.items()}) for sample in samples]
    for i, one in enumerate(single):
        for part in ("depth", "image"):
            if (expected := getattr(one, part)) is not None:
                torch.testing.assert_close(getattr(both, part)[i], expected[0], atol=1e-4, rtol=1e-4)
        if one.points is not None:
            count = one.points.rows.shape[1]
            assert (both.points.rows[i, count:] == -1).all()
            torch.testing.assert_close(both.points.dense()[i, :count], one.points.dense()[0], atol=1e-4, rtol=1e-4)
        if one.scene is not None:
            same = torch.isclose(drawn(both.scene, 2)[i], drawn(one.scene)[0], atol=1e-4, rtol=1e-4)
            assert same.float().mean() >= 1 - CHOSEN_OTHERWISE.get(name, 0)
            assert (both.scene.labels()[i] == one.scene.labels()[0]).float().mean() > 0.999


@pytest.mark.parametrize("name", EDGE)
def test_every_parameter_that_is_not_frozen_learns(name: str) -> None:
    model = network(name).train()
    for key, parameter in model.named_parameters():
        if key.endswith("alpha"):
            torch.nn.init.ones_(parameter)  # a gate that begins closed
    inputs = {key: value[None] for key, value in prepared(model, 0).items()}
    output = model(inputs)
    scenes = [drawn(scene) for scene in (output.scene, output.temporal) if scene is not None]
    parts = [output.depth, output.image, *scenes, *output.occupancy.values()]
    if output.scene is None:
        parts.append(output.taps.get("image.context"))  # which tutors teach
    parts.append(None if output.seeds is None else output.seeds.logits)
    parts.append(None if output.points is None else output.points.cells)
    torch.stack([part.square().mean() for part in parts if part is not None]).sum().backward()
    learning = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    assert learning
    silent = [n for n, p in learning if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("name", FUSED)
def test_what_the_lidar_sees_reaches_the_scene_of_a_fused_network(name: str) -> None:
    model = network(name).eval()
    inputs = {key: value[None] for key, value in prepared(model, 0).items()}
    assert model.spec.sensors == ("stereo", "lidar")
    with torch.inference_mode():
        seen = drawn(model(inputs).scene)
        for key in model.spec.sweep:
            assert not torch.equal(drawn(model(inputs | {key: torch.zeros_like(inputs[key])}).scene), seen)


def test_names_that_do_not_exist_are_answered_with_those_that_do() -> None:
    with pytest.raises(SscError, match="l2cocc_lidar"):
        build("l2coc", "edge")
    with pytest.raises(SscError, match="edge"):
        build("l2cocc", "huge")
