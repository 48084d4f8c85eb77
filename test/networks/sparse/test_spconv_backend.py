"""spconv in place of torch: the same rulebooks and weights, the same results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ssc_ros.networks.sparse import spconv_backend
from ssc_ros.networks.sparse.conv import InverseConv3d, SparseConv3d, SubmanifoldConv3d
from ssc_ros.networks.sparse.volume import SparseVolume

installed = pytest.mark.skipif(
    spconv_backend._spconv() is None, reason="spconv with CUDA is not installed (extra spconv-cu118)"
)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """spconv on the CPU too, and how often it was asked."""
    calls = []
    convolve = spconv_backend.convolve
    monkeypatch.setattr(spconv_backend, "usable", lambda features: True)
    monkeypatch.setattr(spconv_backend, "convolve", lambda *args: calls.append(args) or convolve(*args))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # its threads race on a CPU (spconv issue 679)
    yield calls
    torch.set_num_threads(threads)


def run(share: float, kernel: tuple[int, int, int]) -> list[torch.Tensor]:
    """Results and gradients of a small network with every kind of convolution."""
    torch.manual_seed(0)
    mask = torch.rand(2, 9, 8, 5) < share
    volume = torch.randn(2, 5, 9, 8, 5, requires_grad=True)
    layers = SubmanifoldConv3d(5, 8, kernel), SparseConv3d(8, 6), SubmanifoldConv3d(6, 6), InverseConv3d(6, 8)
    fine = layers[0](SparseVolume.from_dense(volume, mask))
    result = fine.replaced(fine.features + layers[3](layers[2](layers[1](fine)), fine.sites).features).dense()
    result.backward(torch.randn_like(result))
    return [result.detach(), volume.grad, *(p.grad for layer in layers for p in layer.parameters())]


@installed
@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (3, 1, 1), (5, 5, 5), (1, 1, 1)])
@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_spconv_equals_torch(
    share: float, kernel: tuple[int, int, int], chosen: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_spconv = run(share, kernel)
    assert len(chosen) >= 3  # a layer without pairs beside the centre does not need it
    monkeypatch.setattr(spconv_backend, "usable", lambda features: False)
    torch.testing.assert_close(by_spconv, run(share, kernel), atol=2e-5, rtol=1e-4)


@installed
def test_no_sites_are_left_to_torch(chosen: list[tuple[Any, ...]]) -> None:
    assert not run(0.0, (3, 3, 3))[0].any()
    assert not chosen


@installed
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_spconv_is_chosen_on_a_gpu_and_equals_torch(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer = SubmanifoldConv3d(16, 32).to("cuda", dtype)
    volume = SparseVolume.from_dense(torch.randn(2, 16, 9, 8, 5), torch.rand(2, 9, 8, 5) < 0.3)
    expected = SubmanifoldConv3d(16, 32)
    expected.load_state_dict(layer.state_dict())
    on_gpu = SparseVolume.from_dense(volume.dense().to("cuda", dtype), volume.dense().any(1).cuda())
    assert spconv_backend.usable(on_gpu.features)
    tolerance = {torch.float32: 1e-4, torch.float16: 2e-2}[dtype]
    torch.testing.assert_close(
        layer(on_gpu).features.cpu().float(), expected(volume).features, atol=tolerance, rtol=tolerance
    )


def test_a_cpu_is_left_to_torch() -> None:
    assert not spconv_backend.usable(torch.zeros(3, 3))


def test_without_spconv_a_gpu_is_left_to_torch_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spconv_backend, "_spconv", lambda: None)

    class OnGpu:
        is_cuda, dtype = True, torch.float32

    assert not spconv_backend.usable(OnGpu())
    with pytest.raises(ImportError, match="spconv-cu118"):
        spconv_backend.convolve(torch.zeros(3, 3), torch.zeros(3, 1, 1, 1, 3), None)
