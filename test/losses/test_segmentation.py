"""Segmentation losses against MonoScene's own numbers, closed forms and symmetries."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ssc_ros.core import SEMANTIC_KITTI, UNKNOWN
from ssc_ros.losses import geo_scal, lovasz_softmax, sem_scal, weighted_cross_entropy

LOSSES = [weighted_cross_entropy, sem_scal, geo_scal, lovasz_softmax]
CLASSES = 20


def formula_case(shape: tuple[int, ...], labels: int, scale: float) -> tuple[Tensor, Tensor]:
    """Logits (2, 20, *shape) and target (2, *shape), every number by formula; labels >= 20 become unknown."""
    cells = 2 * CLASSES * math.prod(shape)
    logits = (scale * np.sin(1.7 * np.arange(cells) + 0.3)).reshape(2, CLASSES, *shape)
    target = (np.arange(2 * math.prod(shape)) * 7919 % labels).reshape(2, *shape)
    target[target >= CLASSES] = UNKNOWN
    return torch.from_numpy(logits).float(), torch.from_numpy(target)


# geo_scal_loss, sem_scal_loss and CE_ssc_loss of astra-vision/MonoScene, monoscene/loss/ssc_loss.py (Apache-2.0) at
# commit f52bbb18c55cdbf1da991a9bee54d2a5cffa8dda, run on `formula_case(*case)`; class weights as `SEMANTIC_KITTI`.
MONOSCENE = [
    (((20, 16, 8), 23, 3.0), 3.127990, 6.044714, 4.578965),
    (((8, 8, 4), 7, 0.5), 3.217540, 4.994246, 3.057810),
    (((6, 6, 6), 21, 12.0), 4.059707, 6.245187, 12.751863),
    (((5, 4, 3), 2, 2.0), 3.741178, 3.706000, 3.814096),
]


@pytest.mark.parametrize(("case", "geometric", "semantic", "entropy"), MONOSCENE)
def test_equal_to_monoscene(
    case: tuple[tuple[int, ...], int, float], geometric: float, semantic: float, entropy: float
) -> None:
    logits, target = formula_case(*case)
    weight = torch.from_numpy(SEMANTIC_KITTI.class_weights)
    assert geo_scal(logits, target).item() == pytest.approx(geometric, rel=2e-5)
    assert sem_scal(logits, target).item() == pytest.approx(semantic, rel=2e-5)
    assert weighted_cross_entropy(logits, target, weight).item() == pytest.approx(entropy, rel=2e-5)


def confident(target: Tensor) -> Tensor:
    """Logits (N, 20) that are right with certainty."""
    return 60.0 * torch.nn.functional.one_hot(target, CLASSES).float()


@pytest.mark.parametrize("loss", LOSSES)
def test_certain_truth_costs_nothing(loss: Callable[..., Tensor]) -> None:
    target = torch.arange(400) % CLASSES
    assert loss(confident(target), target).item() == pytest.approx(0.0, abs=1e-5)


def test_uniform_prediction_has_its_closed_form() -> None:
    # class k holds k + 1 of n voxels, and every class has probability 1/C everywhere
    target = torch.repeat_interleave(torch.arange(CLASSES), torch.arange(CLASSES) + 1)
    n, c = len(target), CLASSES
    logits = torch.zeros(n, c)
    share = np.arange(1, c + 1) / n
    # P = share, R = 1/C, S = 1 - 1/C
    expected = (-np.log(share) + math.log(c) - math.log(1 - 1 / c)).mean()
    assert sem_scal(logits, target).item() == pytest.approx(expected, rel=1e-5)
    occupied = 1 - 1 / n
    expected = -math.log(occupied) - math.log(1 - 1 / c) - math.log(1 / c)
    assert geo_scal(logits, target).item() == pytest.approx(expected, rel=1e-5)
    assert weighted_cross_entropy(logits, target).item() == pytest.approx(math.log(c), rel=1e-6)


def test_cross_entropy_is_the_weighted_mean() -> None:
    logits = torch.tensor([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    target = torch.tensor([0, 0, 1])
    weight = torch.tensor([1.0, 3.0])
    each = [math.log(1 + math.e), math.log(1 + math.exp(-2)), math.log(2)]
    expected = (each[0] + each[1] + 3 * each[2]) / 5
    assert weighted_cross_entropy(logits, target, weight).item() == pytest.approx(expected, rel=1e-6)
    assert weighted_cross_entropy(logits, target, 10 * weight).item() == pytest.approx(expected, rel=1e-6)


def test_lovasz_at_the_corners_is_one_minus_iou() -> None:
    # on hard predictions the Lovasz extension equals the set function: the mean of 1 - IoU over the classes present
    truth = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    wrong = torch.tensor([0, 0, 1, 1, 2, 2, 2, 2, 2, 0])
    iou = [2 / 4, 1 / 3, 4 / 6]
    assert lovasz_softmax(confident(wrong), truth).item() == pytest.approx(1 - np.mean(iou), abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_order_and_shape_of_voxels_do_not_matter(loss: Callable[..., Tensor]) -> None:
    logits, target = formula_case((6, 5, 4), 23, 2.0)
    flat, ids = logits.movedim(1, -1).reshape(-1, CLASSES), target.reshape(-1)
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(3))
    expected = loss(logits, target).item()
    assert expected > 0.1
    assert loss(flat, ids).item() == pytest.approx(expected, rel=1e-5)
    assert loss(flat[order], ids[order]).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_unknown_voxels_have_no_say(loss: Callable[..., Tensor]) -> None:
    logits, target = formula_case((6, 5, 4), 23, 2.0)
    changed = logits.clone()
    changed.movedim(1, -1)[target == UNKNOWN] = 50.0 * torch.randn(int((target == UNKNOWN).sum()), CLASSES)
    assert torch.equal(loss(changed, target), loss(logits, target))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", [0.0, 5.0, 300.0])
@pytest.mark.parametrize(
    "content",
    [[], [UNKNOWN], [0], [7], [0, UNKNOWN], [7, UNKNOWN], [3, 7]],
    ids=lambda c: "-".join(map(str, c)) or "none",
)
def test_degenerate_frames_give_finite_values_and_gradients(
    loss: Callable[..., Tensor], content: list[int], scale: float
) -> None:
    size = 64 if content else 0
    target = torch.tensor(content * 64, dtype=torch.long)[:size]
    logits = scale * torch.randn(size, CLASSES, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert torch.isfinite(value)
    assert value >= 0
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_geometry_alone_asks_an_empty_frame_to_be_empty() -> None:
    target = torch.zeros(50, dtype=torch.long)
    logits = torch.zeros(50, CLASSES, requires_grad=True)
    geo_scal(logits, target).backward()
    assert (logits.grad[:, 0] < 0).all()
    assert (logits.grad[:, 1:] > 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_is_the_derivative(loss: Callable[..., Tensor]) -> None:
    # the losses compute in float32, so a central difference along a random direction is the honest check
    logits, target = formula_case((3, 3, 2), 5, 1.0)
    direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    loss(logits, target).backward()
    slope = (logits.grad * direction).sum().item()
    with torch.no_grad():
        step = 1e-2
        ahead, behind = (loss(logits + sign * step * direction, target).item() for sign in (1, -1))
        measured = (ahead - behind) / (2 * step)
    assert slope == pytest.approx(measured, rel=2e-2, abs=1e-3)
