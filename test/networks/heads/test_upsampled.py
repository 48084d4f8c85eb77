"""The logits that are never enlarged behave as the enlarged ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.networks.heads.upsampled import SLAB, UpsampledHead, UpsampledLogits


def logits(shape: tuple[int, ...] = (2, 5, 2 * SLAB + 3, 4, 3), seed: int = 0) -> UpsampledLogits:
    return UpsampledLogits(3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)))


def test_the_published_size() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in UpsampledHead(128, 64, 20).parameters()) == 222_592


def test_dense_is_trilinear_between_the_centres_of_coarse_voxels() -> None:
    """A linear ramp stays the same ramp, read at the centres of the fine voxels, and is constant beyond the last."""
    x, y, z = torch.meshgrid(*(torch.arange(n) + 0.5 for n in (4, 3, 5)), indexing="ij")
    dense = UpsampledLogits(torch.stack([x, 10 * y - z])[None]).dense()[0]
    fine = [(torch.arange(2 * n) + 0.5) / 2 for n in (4, 3, 5)]
    x, y, z = torch.meshgrid(*(f.clamp(0.5, n - 0.5) for f, n in zip(fine, (4, 3, 5), strict=True)), indexing="ij")
    torch.testing.assert_close(dense, torch.stack([x, 10 * y - z]))


@settings(max_examples=30, deadline=None)
@given(st.tuples(*(st.integers(1, n) for n in (2, 4, 5, 4, 3))), st.integers(0, 10**6))
def test_gather_equals_dense_with_its_gradient(shape: tuple[int, int, int, int, int], seed: int) -> None:
    scene = logits(shape, seed)
    scene.half.requires_grad_()
    size = 8 * shape[0] * shape[2] * shape[3] * shape[4]
    index = torch.randint(size, (40,), generator=torch.Generator().manual_seed(seed))
    gathered, reference = scene.gather(index), scene.dense().movedim(1, -1).flatten(0, -2)[index]
    torch.testing.assert_close(gathered, reference)
    weights = torch.linspace(-1, 1, gathered.numel()).view_as(gathered)
    ours, theirs = (torch.autograd.grad((t * weights).sum(), scene.half)[0] for t in (gathered, reference))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, SLAB - 1, SLAB, SLAB + 1, 2 * SLAB + 3])
def test_labels_and_confidence_equal_dense_across_slabs(layers: int) -> None:
    scene = logits((2, 5, layers, 4, 3))
    dense = scene.dense()
    assert torch.equal(scene.labels(), dense.argmax(dim=1).to(torch.uint8))
    assert torch.equal(scene.decide()[0], scene.labels())
    expected = (255 * dense.softmax(dim=1).amax(dim=1)).round()
    assert scene.decide()[1].dtype == torch.uint8
    assert (scene.decide()[1] - expected).abs().max() <= 1
    assert len(scene.labels().unique()) == 5


def test_labels_never_hold_the_dense_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    enlarge = torch.nn.functional.interpolate

    def watch(*args: Any, **options: Any) -> torch.Tensor:
        nonlocal largest
        result = enlarge(*args, **options)
        largest = max(largest, result.shape[2])
        return result

    monkeypatch.setattr(torch.nn.functional, "interpolate", watch)
    logits((1, 3, 5 * SLAB, 2, 2)).labels()
    assert 0 < largest <= 2 * (SLAB + 2)


def test_the_head_keeps_half_resolution() -> None:
    scene = UpsampledHead(4, 32, 6)(torch.randn(2, 4, 3, 4, 2))
    assert scene.half.shape == (2, 6, 3, 4, 2)
    assert scene.dense().shape == (2, 6, 6, 8, 4)
    assert scene.gather(torch.empty(0, dtype=torch.long)).shape == (0, 6)


@torch.no_grad()
def test_what_a_backend_returns_in_half_precision_is_decided_in_single() -> None:
    whole = logits()
    half, single = UpsampledLogits(whole.half.bfloat16()), UpsampledLogits(whole.half.bfloat16().float())
    assert torch.equal(half.labels(), single.labels())
    assert torch.equal(half.decide()[1], single.decide()[1])
    assert torch.equal(half.gather(torch.arange(50)), single.gather(torch.arange(50)))
    assert torch.equal(half.dense(), single.dense())
