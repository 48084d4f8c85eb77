"""One contract for every system and preset: a frame in, logits of the grid out."""

import pytest
import torch

from ssc_ros.core import SscError
from ssc_ros.systems import SYSTEMS, InputSpec, SceneInputs, build

CASES = [(system, preset) for system, (_, presets) in SYSTEMS.items() for preset in presets]


def random_inputs(spec: InputSpec, batch: int, seed: int = 0) -> SceneInputs:
    generator = torch.Generator().manual_seed(seed)
    height, width = spec.image_size
    coarse = spec.grid.coarsened(2).shape
    focal = 0.6 * width
    projection = torch.tensor([[width / 2, -focal, 0, 0], [height / 2, 0, -focal, 0], [1.0, 0, 0, 0]])
    return {
        "image": torch.randint(256, (batch, 3, height, width), generator=generator, dtype=torch.uint8),
        "projection": projection.expand(batch, 3, 4).clone(),
        "stereo_depth": 50 * torch.rand(batch, *spec.context_size, generator=generator),
        "lidar_depth": torch.zeros(batch, *spec.context_size),
        "stereo_voxels": torch.rand(batch, 8, *coarse, generator=generator).gt(0.97).byte(),
        "lidar_voxels": torch.zeros(batch, 8, *coarse, dtype=torch.uint8),
    }


@pytest.mark.parametrize(("system", "preset"), CASES)
def test_a_batch_equals_its_frames_one_by_one(system, preset):
    torch.manual_seed(0)
    network = build(system, preset).eval()
    inputs = random_inputs(network.spec, 2)
    with torch.inference_mode():
        both = network(inputs)
        single = [network({key: value[i : i + 1] for key, value in inputs.items()}) for i in range(2)]
        again = network(inputs)
    assert torch.equal(both.scene.semantic, again.scene.semantic)
    for i, one in enumerate(single):
        torch.testing.assert_close(both.scene.semantic[i], one.scene.semantic[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(both.scene.empty_offset[i], one.scene.empty_offset[0], atol=1e-4, rtol=1e-4)
    labels = both.scene.labels()
    assert labels.shape == (2, *network.spec.grid.shape)
    assert labels.dtype == torch.uint8
    assert int(labels.max()) < both.scene.semantic.shape[1]


@pytest.mark.parametrize(("system", "preset"), CASES)
def test_every_parameter_learns(system, preset):
    torch.manual_seed(0)
    network = build(system, preset).train()
    inputs = random_inputs(network.spec, 1)
    inputs["lidar_depth"] = inputs["stereo_depth"].flip(-1)
    output = network(inputs)
    total = output.scene.semantic.square().mean() + output.scene.empty_offset.square().mean()
    (total + output.depth.square().mean() + output.image.square().mean()).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


def test_names_that_do_not_exist_are_answered_with_those_that_do():
    with pytest.raises(SscError, match="l2cocc_camera"):
        build("l2coc", "edge")
    with pytest.raises(SscError, match="edge"):
        build("l2cocc_camera", "huge")
