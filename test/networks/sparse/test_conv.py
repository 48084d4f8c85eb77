"""Sparse convolutions are the dense ones of a volume that is zero elsewhere, read at the sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd import gradcheck
from torch.nn import functional

from ssc_ros.networks.sparse import products
from ssc_ros.networks.sparse.conv import InverseConv3d, SparseConv3d, SubmanifoldConv3d
from ssc_ros.networks.sparse.norm import SiteBatchNorm
from ssc_ros.networks.sparse.volume import SparseVolume

SHAPE = (7, 6, 5)
KERNELS = [(3, 3, 3), (1, 3, 3), (3, 1, 3), (3, 1, 1), (1, 1, 3), (7, 7, 7), (1, 1, 1)]
STRIDED = [((3, 3, 3), (2, 2, 2)), ((3, 3, 3), (2, 2, 1)), ((2, 2, 2), (2, 2, 2)), ((1, 3, 5), (1, 3, 2))]


def masked(
    share: float = 0.3,
    batch: int = 2,
    channels: int = 3,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    shape: tuple[int, int, int] = SHAPE,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A volume that is zero outside of a mask, and the mask."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(batch, *shape, generator=generator) < share
    return torch.randn(batch, channels, *shape, generator=generator, dtype=dtype) * mask[:, None], mask


def sparse(share: float = 0.3, **kwargs: Any) -> SparseVolume:
    return SparseVolume.from_dense(*masked(share, **kwargs))


def seeded(make: Callable[..., nn.Module], *args: Any, **kwargs: Any) -> nn.Module:
    torch.manual_seed(1)
    layer = make(*args, **kwargs).double()
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    return layer


def as_dense(layer: nn.Module) -> torch.Tensor:
    return layer.weight.permute(0, 4, 1, 2, 3)


def half(kernel: tuple[int, ...]) -> list[int]:
    return [(k - 1) // 2 for k in kernel]


@pytest.mark.parametrize("share", [1.0, 0.3, 0.02])
@pytest.mark.parametrize("kernel", KERNELS)
def test_submanifold_equals_dense_at_the_sites(kernel: tuple[int, int, int], share: float) -> None:
    volume, mask = masked(share)
    layer = seeded(SubmanifoldConv3d, 3, 4, kernel)
    result = layer(SparseVolume.from_dense(volume, mask))
    dense = functional.conv3d(volume, as_dense(layer), layer.bias, padding=half(kernel))
    torch.testing.assert_close(result.dense(), dense * mask[:, None])


@pytest.mark.parametrize("share", [1.0, 0.3, 0.02])
@pytest.mark.parametrize(("kernel", "stride"), STRIDED)
def test_strided_equals_dense_where_the_window_is_not_empty(
    kernel: tuple[int, int, int], stride: tuple[int, int, int], share: float
) -> None:
    volume, mask = masked(share)
    layer = seeded(SparseConv3d, 3, 4, kernel, stride)
    result = layer(SparseVolume.from_dense(volume, mask))
    dense = functional.conv3d(volume, as_dense(layer), layer.bias, stride, half(kernel))
    counted = functional.conv3d(mask[:, None].float(), torch.ones(1, 1, *kernel), None, stride, half(kernel))
    torch.testing.assert_close(result.dense(), dense * (counted > 0))
    torch.testing.assert_close(result.sites.coordinates, torch.nonzero(counted[:, 0]))


@pytest.mark.parametrize("share", [1.0, 0.3, 0.02])
@pytest.mark.parametrize(("kernel", "stride"), STRIDED)
def test_inverse_equals_transposed_at_the_sites(
    kernel: tuple[int, int, int], stride: tuple[int, int, int], share: float
) -> None:
    volume, mask = masked(share)
    fine = SparseVolume.from_dense(volume, mask)
    coarse = seeded(SparseConv3d, 3, 4, kernel, stride)(fine)
    layer = seeded(InverseConv3d, 4, 2, kernel, stride)
    result = layer(coarse, fine.sites)
    sizes = zip(SHAPE, coarse.sites.shape, kernel, stride, half(kernel), strict=True)
    missing = [n - ((m - 1) * s - 2 * p + k) for n, m, k, s, p in sizes]
    # the transposed convolution maps the convolution's outputs to its inputs: its weight is [in, out, ...]
    weight = layer.weight.permute(4, 0, 1, 2, 3)
    dense = functional.conv_transpose3d(coarse.dense(), weight, layer.bias, stride, half(kernel), missing)
    torch.testing.assert_close(result.dense(), dense * mask[:, None])
    assert result.sites is fine.sites


def test_gradients_are_those_of_the_dense_convolution() -> None:
    volume, mask = masked()
    layer = seeded(SubmanifoldConv3d, 3, 4)
    leaves = volume.requires_grad_(), layer.weight, layer.bias
    dense = functional.conv3d(volume, as_dense(layer), layer.bias, padding=1) * mask[:, None]
    ours = layer(SparseVolume.from_dense(volume, mask)).dense()
    weights = torch.randn_like(dense)
    expected = torch.autograd.grad((dense * weights).sum(), leaves)
    got = torch.autograd.grad((ours * weights).sum(), leaves)
    torch.testing.assert_close(got[1:], expected[1:])
    torch.testing.assert_close(got[0], expected[0] * mask[:, None])


def check_gradients(layer: nn.Module, features: torch.Tensor, forward: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Numerically, with respect to the features, the weight and the bias: gradcheck moves each where it lies."""
    features = features.detach().requires_grad_()
    assert gradcheck(lambda features, *parameters: forward(features), (features, *layer.parameters()))


@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (1, 1, 1)])
def test_gradcheck_submanifold(kernel: tuple[int, int, int]) -> None:
    volume = sparse(shape=(3, 2, 2), channels=2)
    layer = seeded(SubmanifoldConv3d, 2, 3, kernel)
    check_gradients(layer, volume.features, lambda f: layer(volume.replaced(f)).features)


@pytest.mark.parametrize(("kernel", "stride"), STRIDED[:2])
def test_gradcheck_strided_and_inverse(kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
    volume = sparse(shape=(3, 2, 2), channels=2)
    layer = seeded(SparseConv3d, 2, 3, kernel, stride)
    check_gradients(layer, volume.features, lambda f: layer(volume.replaced(f)).features)
    coarse = layer(volume)
    inverse = seeded(InverseConv3d, 3, 2, kernel, stride)
    check_gradients(inverse, coarse.features, lambda f: inverse(coarse.replaced(f), volume.sites).features)


def network(volume: SparseVolume, dtype: torch.dtype = torch.float64) -> SparseVolume:
    """One of each, a skip around them."""
    made = seeded(SubmanifoldConv3d, 3, 4), seeded(SparseConv3d, 4, 5), seeded(InverseConv3d, 5, 4)
    layers = [layer.to(dtype) for layer in made]
    fine = layers[0](volume)
    back = layers[2](layers[1](fine), fine.sites)
    return fine.replaced(fine.features + back.features)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.02, 0.3, 1.0]))
def test_a_batch_of_two_equals_two_singles(seed: int, share: float) -> None:
    volume, mask = masked(share, seed=seed)
    mask[1] &= torch.rand(SHAPE) < 0.5
    both = network(SparseVolume.from_dense(volume, mask))
    singles = [network(SparseVolume.from_dense(volume[i : i + 1], mask[i : i + 1])) for i in (0, 1)]
    torch.testing.assert_close(both.dense(), torch.cat([single.dense() for single in singles]))


@settings(max_examples=10, deadline=None)
@given(st.tuples(*[st.integers(0, 2)] * 3), st.integers(0, 10**6))
def test_moved_sites_give_moved_results(shift: tuple[int, int, int], seed: int) -> None:
    volume, mask = masked(seed=seed)
    shift = [2 * s for s in shift]  # a stride of 2 sees only even steps alike
    grown = [0, 5, 0, 5, 0, 5]
    moved = [n for s in reversed(shift) for n in (s, 5 - s)]
    stay, move = (
        network(SparseVolume.from_dense(functional.pad(volume, by), functional.pad(mask, by))) for by in (grown, moved)
    )
    torch.testing.assert_close(move.features, stay.features)
    torch.testing.assert_close(move.sites.coordinates, stay.sites.coordinates + torch.tensor([0, *shift]))


def test_permuted_axes_give_permuted_results() -> None:
    volume, mask = masked()
    layer = seeded(SubmanifoldConv3d, 3, 4)
    expected = layer(SparseVolume.from_dense(volume, mask)).dense().permute(0, 1, 4, 2, 3)
    with torch.no_grad():
        layer.weight.copy_(layer.weight.permute(0, 3, 1, 2, 4).clone())
    permuted = SparseVolume.from_dense(volume.permute(0, 1, 4, 2, 3), mask.permute(0, 3, 1, 2))
    torch.testing.assert_close(layer(permuted).dense(), expected)


def test_no_sites_in_none_out_and_gradients_are_zero() -> None:
    volume, mask = masked(0.0)
    layers = SubmanifoldConv3d(3, 4), SparseConv3d(4, 4), SubmanifoldConv3d(4, 4, (7, 7, 7)), InverseConv3d(4, 2)
    for layer in layers:
        layer.double()
    norm = SiteBatchNorm(4).double()
    empty = SparseVolume.from_dense(volume.requires_grad_(), mask)
    coarse = layers[2](layers[1](layers[0](empty)))
    result = layers[3](coarse.replaced(norm(coarse.features)), empty.sites).dense()
    assert result.shape == (2, 2, *SHAPE)
    assert not result.any()
    result.sum().backward()
    assert not any(p.grad.any() for layer in layers for p in layer.parameters())
    assert not volume.grad.any()


def test_autocast_computes_in_bfloat16_and_learns_in_float32() -> None:
    volume = sparse(dtype=torch.float32)
    layer = SubmanifoldConv3d(3, 4)
    features = volume.features.requires_grad_()
    exact = layer(volume).features
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(volume).features
    assert result.dtype == torch.bfloat16
    # inputs, weights and result have 8 bits each
    torch.testing.assert_close(result.float(), exact, atol=3 * 2**-8 * exact.abs().max().item(), rtol=0)
    result.sum().backward()
    assert features.grad.dtype == layer.weight.grad.dtype == layer.bias.grad.dtype == torch.float32


@pytest.mark.parametrize("inference", [False, True])
def test_half_precision_is_summed_in_single(inference: bool) -> None:
    mask = torch.ones(1, 7, 7, 7, dtype=torch.bool)
    layer = SubmanifoldConv3d(1, 1, (7, 7, 7), bias=False).bfloat16()
    torch.nn.init.ones_(layer.weight)
    with torch.inference_mode(inference):
        result = layer(SparseVolume.from_dense(torch.ones(1, 1, 7, 7, 7, dtype=torch.bfloat16), mask)).dense()
    # the middle sees all 343; a sum in bfloat16 does not come beyond 256
    assert result[0, 0, 3, 3, 3].item() == pytest.approx(343, abs=1)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("group", [1, 2000, products.GROUP])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_inference_mode_gives_the_same(dtype: torch.dtype, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "GROUP", group)  # bytes: each tap by itself, some of them, all
    volume, mask = masked(dtype=dtype)
    expected = network(SparseVolume.from_dense(volume, mask), dtype).features.detach()
    with torch.inference_mode():
        torch.testing.assert_close(network(SparseVolume.from_dense(volume, mask), dtype).features, expected)


def test_foreign_coarse_sites_are_refused() -> None:
    fine = sparse()
    with pytest.raises(ValueError, match=r"kernel \(3, 3, 3\), stride \(2, 2, 2\)"):
        seeded(InverseConv3d, 3, 2)(sparse(), fine.sites)


def test_a_submanifold_kernel_has_a_centre() -> None:
    with pytest.raises(ValueError, match="odd"):
        SubmanifoldConv3d(3, 4, (2, 3, 3))


@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_is_torchs_from_two_sites_on(training: bool) -> None:
    norm, reference = SiteBatchNorm(3).train(training), torch.nn.BatchNorm1d(3).train(training)
    for count in (2, 9):
        features = torch.randn(count, 3)
        torch.testing.assert_close(norm(features), reference(features))
    torch.testing.assert_close(norm.state_dict(), reference.state_dict())


@pytest.mark.parametrize("count", [0, 1])
def test_batch_norm_of_fewer_sites_uses_and_keeps_the_running_statistics(count: int) -> None:
    norm = SiteBatchNorm(2)
    norm(torch.tensor([[1.0, 2.0], [3.0, -6.0]]))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    features = torch.tensor([[0.5, 0.25]])[:count].requires_grad_()
    result = norm(features)
    expected = (features - before["running_mean"]) / (before["running_var"] + norm.eps).sqrt()
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(norm.state_dict(), before)
    result.sum().backward()
    assert features.grad.isfinite().all()
