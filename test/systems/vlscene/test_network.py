"""VLScene: what its deployed form sees, and what learns."""

from __future__ import annotations

from dataclasses import replace

import torch

from ssc_ros.core import SceneGrid
from ssc_ros.networks.backbones.repvit import ConvNorm
from ssc_ros.networks.reparameterize import Reparameterized, fuse
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import empty_inputs
from ssc_ros.systems.vlscene.presets import FULL, full


def test_fused_it_sees_the_same_image() -> None:
    """Training form against deployed form, to 1e-4."""
    torch.manual_seed(0)
    encoder = build("vlscene_image", "edge").pair.encoder.train()
    with torch.no_grad():
        encoder(torch.randn(2, 3, 64, 96))  # gives the norms statistics of their own
        encoder.eval()
        image = torch.randn(2, 3, 64, 96)
        trained = encoder(image)
        assert any(isinstance(m, ConvNorm) for m in encoder.modules())
        deployed = fuse(encoder)(image)
    assert not any(isinstance(m, Reparameterized) for m in encoder.modules())
    torch.testing.assert_close(deployed, trained, atol=1e-4, rtol=1e-4)


def test_the_published_blocks_train_together_on_a_small_scene() -> None:
    """What starts behind a scale of 0 waits for that scale's first step: attention and channel attention of depth."""
    torch.manual_seed(0)
    grid = SceneGrid((0, -6.4, -2), 0.4, (32, 32, 16))
    network = full(replace(FULL, image_size=(64, 192), context_size=(8, 24), grid=grid)).train()
    projection = torch.tensor([[96.0, -100, 0, 0], [32, 0, -100, 0], [1, 0, 0, 0]]).expand(2, 3, 4)
    left, right = torch.randint(0, 256, (2, 2, 3, 64, 192), dtype=torch.uint8)
    inputs = {"image": left, "right": right, "projection": projection, "focal_baseline": torch.full((2,), 50.0)}
    output = network(inputs)
    assert output.depth.shape == (2, 112, 8, 24)
    rows = output.scene.gather(torch.randint(2 * grid.size, (500,)))
    (rows.square().mean() + output.depth.square().mean() + output.image.square().mean()).backward()
    silent = {name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    waiting = ("mono_asks.", "stereo_asks.", "refine.3.entry.", "refine.3.weight.", "refine.3.exit.")
    assert {name for name in silent if not name.startswith(tuple(f"image.interaction.{w}" for w in waiting))} == set()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_the_probe_reads_the_context_and_does_not_change_it() -> None:
    torch.manual_seed(0)
    branch = build("vlscene_image", "edge").train()
    output = branch(empty_inputs(branch.spec) | {"projection": torch.eye(3, 4)[None], "focal_baseline": torch.ones(1)})
    output.image.square().mean().backward()
    assert {name for name, p in branch.named_parameters() if p.grad is not None} == {"probe.weight", "probe.bias"}
    assert branch.probe.weight.grad.any()
