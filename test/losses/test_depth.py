"""The depth loss: its target is in metres, and only measured pixels count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from ssc_ros.core import DepthBins
from ssc_ros.losses import depth_cross_entropy, depth_kl

BINS = DepthBins()


def gaussian(depth: torch.Tensor) -> torch.Tensor:
    """[..., D]: a normal density of 0.5 m deviation around each depth [m], at the centres of the bins; sums to 1."""
    weight = torch.exp(-0.5 * ((torch.from_numpy(BINS.centers).double() - depth[..., None].double()) / 0.5) ** 2)
    return weight / weight.sum(dim=-1, keepdim=True)


def test_target_is_the_gaussian_of_the_bins_and_the_loss_is_its_divergence() -> None:
    depth = torch.tensor([[[10.0, 31.7], [2.0, 57.3]]])
    logits = torch.sin(torch.arange(BINS.count * 4).float()).reshape(1, BINS.count, 2, 2)
    target = gaussian(depth)
    prediction = logits.movedim(1, -1).double().softmax(dim=-1)
    expected = torch.special.xlogy(target, target / prediction).sum(dim=-1).mean()
    assert depth_kl(logits, depth, BINS).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_best_prediction_peaks_at_the_true_depth() -> None:
    for metres in (2.0, 10.0, 29.5, 57.5):
        logits = torch.zeros(1, BINS.count, 1, 1, requires_grad=True)
        depth_kl(logits, torch.full((1, 1, 1), metres), BINS).backward()
        assert BINS.centers[logits.grad[0, :, 0, 0].argmin()] == metres


def test_divergence_of_the_target_itself_is_zero() -> None:
    depth = torch.linspace(2, 57, 12).reshape(1, 3, 4)
    logits = gaussian(depth).float().clamp_min(1e-38).log().movedim(-1, 1)
    assert depth_kl(logits, depth, BINS).item() == pytest.approx(0.0, abs=1e-5)


def test_cross_entropy_of_bins_is_that_of_the_probabilities_in_the_bin_that_holds_the_depth() -> None:
    depth = torch.tensor([[[10.2, 31.7], [2.0, 57.3]]])
    logits = torch.sin(torch.arange(BINS.count * 4).float()).reshape(1, BINS.count, 2, 2)
    truth = functional.one_hot(torch.from_numpy(BINS.index(depth.numpy())), BINS.count).movedim(-1, 1).float()
    expected = functional.binary_cross_entropy(logits.softmax(dim=1), truth, reduction="sum") / 4
    assert depth_cross_entropy(logits, depth, BINS).item() == pytest.approx(expected.item(), rel=1e-5)


def test_certainty_has_finite_gradients() -> None:
    logits = torch.zeros(1, BINS.count, 1, 2)
    logits[:, 16] = 1000.0
    logits.requires_grad_()
    loss = depth_cross_entropy(logits, torch.tensor([[[10.0, 20.0]]]), BINS)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", [depth_kl, depth_cross_entropy])
@pytest.mark.parametrize("missing", [0.0, -1.0, 80.0, float("nan"), float("inf")])
def test_pixels_without_measurement_do_not_count(missing: float, loss: Callable[..., torch.Tensor]) -> None:
    logits = torch.randn(1, BINS.count, 1, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    both = loss(logits, torch.tensor([[[12.0, missing]]]), BINS)
    one = loss(logits[..., :1], torch.tensor([[[12.0]]]), BINS)
    assert both.item() == pytest.approx(one.item())
    nothing = loss(logits, torch.full((1, 1, 2), missing), BINS)
    nothing.backward()
    assert nothing.item() == 0
    assert torch.isfinite(logits.grad).all()
