"""The features that are never enlarged are classified as the enlarged ones."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ssc_ros.networks.heads.enlarged import SLAB, EnlargedHead, EnlargedLogits


def logits(shape: tuple[int, ...] = (2, 6, SLAB + 3, 4, 3), classes: int = 5, seed: int = 0) -> EnlargedLogits:
    torch.manual_seed(seed)
    head = EnlargedHead(shape[1], classes)
    nn.init.normal_(head.classifier[1].weight)
    return head(torch.randn(shape))


@pytest.mark.parametrize(("channels", "published"), [(64, 1_428), (32, 724)])
def test_the_published_size(channels: int, published: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in EnlargedHead(channels, 20).parameters()) == published


def test_dense_is_trilinear_with_corners_on_corners() -> None:
    """A linear ramp stays the same ramp: its first and last fine values are its first and last coarse ones."""
    ramps = torch.meshgrid(*(torch.linspace(0, 1, n) for n in (4, 3, 5)), indexing="ij")
    fine = torch.meshgrid(*(torch.linspace(0, 1, 2 * n) for n in (4, 3, 5)), indexing="ij")
    dense = EnlargedLogits(torch.stack(ramps)[None], nn.Identity()).dense()[0]
    torch.testing.assert_close(dense, torch.stack(fine))


@settings(max_examples=20, deadline=None)
@given(st.tuples(*(st.integers(1, n) for n in (2, 4, 5, 4, 3))), st.integers(0, 10**6))
def test_gather_equals_dense_with_its_gradient(shape: tuple[int, int, int, int, int], seed: int) -> None:
    scene = logits(shape, seed=seed)
    features = scene.features.requires_grad_()
    size = 8 * shape[0] * shape[2] * shape[3] * shape[4]
    index = torch.randint(size, (40,), generator=torch.Generator().manual_seed(seed))
    gathered, reference = scene.gather(index), scene.dense().movedim(1, -1).flatten(0, -2)[index]
    torch.testing.assert_close(gathered, reference, atol=1e-3, rtol=1e-3)  # a layer norm of one channel amplifies
    if shape[1] < 3:
        return
    weights = torch.linspace(-1, 1, gathered.numel()).view_as(gathered)
    of = [features, *scene.classifier.parameters()]
    ours, theirs = (torch.autograd.grad((t * weights).sum(), of) for t in (gathered, reference))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("layers", [1, SLAB // 2, SLAB // 2 + 1, SLAB + 3])
def test_labels_and_confidence_equal_dense_across_slabs(layers: int) -> None:
    scene = logits((2, 6, layers, 4, 3))
    dense = scene.dense()
    assert torch.equal(scene.labels(), dense.argmax(dim=1).to(torch.uint8))
    assert torch.equal(scene.decide()[0], scene.labels())
    expected = (255 * dense.softmax(dim=1).amax(dim=1)).round()
    assert scene.decide()[1].dtype == torch.uint8
    assert (scene.decide()[1] - expected).abs().max() <= 1
    assert len(scene.labels().unique()) > 2


@torch.no_grad()
def test_labels_never_hold_the_enlarged_features() -> None:
    class Watching(nn.Linear):
        largest = 0

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            self.largest = max(self.largest, rows.numel())
            return super().forward(rows)

    classifier = Watching(3, 4)
    EnlargedLogits(torch.randn(1, 3, 4 * SLAB, 2, 2), classifier).labels()
    assert 0 < classifier.largest <= SLAB * 4 * 4 * 3


@torch.no_grad()
def test_what_a_backend_returns_in_half_precision_is_decided_in_single() -> None:
    whole = logits()
    half, single = (
        EnlargedLogits(whole.features.bfloat16(), whole.classifier),
        EnlargedLogits(whole.features.bfloat16().float(), whole.classifier),
    )
    assert torch.equal(half.labels(), single.labels())
    assert torch.equal(half.decide()[1], single.decide()[1])
    assert torch.equal(half.gather(torch.arange(50)), single.gather(torch.arange(50)))
    assert torch.equal(half.dense(), single.dense())
