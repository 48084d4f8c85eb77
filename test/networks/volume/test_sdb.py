"""Semantic diffusion: published sizes, a slow reference of the anisotropic block, and what it can see."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ssc_ros.networks.volume.sdb import AnisotropicConv3d, Aspp3d, SemanticDiffusion

from ..sizes import parameters


@pytest.mark.parametrize(
    ("inputs", "outputs", "depth", "published"),
    [
        (128 + 8, 64, 3, 882_816),  # SGN-T and S
        (128, 64, 1, 498_048),  # their auxiliary head
        (64 + 8, 32, 1, 131_776),  # SGN-L
        (128, 64, 2, 683_520),  # VLScene
    ],
)
def test_sizes_are_those_counted_in_the_published_code(inputs: int, outputs: int, depth: int, published: int) -> None:
    with torch.device("meta"):
        diffusion = SemanticDiffusion(inputs, outputs, depth)
    assert parameters(diffusion) == published
    assert parameters(diffusion.entry) == 27 * inputs * outputs + outputs
    if outputs == 64:
        assert parameters(diffusion.diffusion) == depth * 185_472
        assert parameters(diffusion.aspp) == 91_328


def slow(block: AnisotropicConv3d, volume: torch.Tensor) -> torch.Tensor:
    """The anisotropic block, voxel by voxel: nine convolutions along padded lines."""
    shape = volume.shape[1:]
    logits = torch.einsum("oc,cxyz->oxyz", block.mixture.weight, volume)
    passed = volume
    for step, (axis, along) in enumerate(zip((2, 1, 0), block.passes, strict=True)):
        weights = logits[3 * step : 3 * step + 3].softmax(dim=0)
        result = torch.zeros_like(volume)
        for at in torch.cartesian_prod(*(torch.arange(n) for n in shape)).tolist():
            for k, convolution in enumerate(along.convolutions):
                taps = convolution.weight.flatten(2)  # one axis is left
                total = convolution.bias.clone()
                for tap in range(taps.shape[2]):
                    there = list(at)
                    there[axis] += tap - taps.shape[2] // 2
                    if 0 <= there[axis] < shape[axis]:
                        total += taps[:, :, tap] @ passed[:, there[0], there[1], there[2]]
                result[:, at[0], at[1], at[2]] += weights[k, at[0], at[1], at[2]] * total.relu()
        passed = result
    return functional.relu(passed + volume)


@torch.no_grad()
def test_the_anisotropic_block_is_three_passes_of_mixed_kernels() -> None:
    torch.manual_seed(0)
    block = AnisotropicConv3d(2).double()
    volumes = torch.randn(2, 2, 4, 5, 3, dtype=torch.double)
    torch.testing.assert_close(block(volumes), torch.stack([slow(block, volume) for volume in volumes]))


@torch.no_grad()
def test_a_block_sees_three_voxels_along_each_axis_and_beyond_by_diffusion() -> None:
    torch.manual_seed(0)
    block = AnisotropicConv3d(4)
    volume = torch.rand(1, 4, 11, 11, 11)
    touched = volume.clone()
    touched[..., 5, 5, 5] += 1
    x, y, z = ((block(touched) - block(volume)).abs().sum(dim=(0, 1)) > 1e-6).nonzero().T
    assert (x.min(), x.max()) == (y.min(), y.max()) == (z.min(), z.max()) == (2, 8)


@torch.no_grad()
def test_dilated_convolutions_reach_four_voxels() -> None:
    torch.manual_seed(0)
    aspp = Aspp3d(4, 4)
    volume = torch.randn(1, 4, 11, 11, 11)
    touched = volume.clone()
    touched[..., 5, 5, 5] += 3
    changed = ((aspp(touched) - aspp(volume)).abs().sum(dim=(0, 1)) > 1e-6).nonzero() - 5
    assert set(map(tuple, changed.tolist())) <= {
        (d * x, d * y, d * z) for d in (1, 2, 4) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)
    }
    assert changed.abs().max() == 4


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    diffusion = SemanticDiffusion(6, 8, depth=2)
    diffusion(torch.randn(2, 6, 6, 5, 4)).square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in diffusion.parameters())
