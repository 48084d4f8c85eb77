"""Scene-class affinity losses: precision, recall and specificity, made differentiable (MonoScene, section 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import EMPTY
from ssc_ros.losses.voxels import valid_voxels

_TINY = 1e-12


def sem_scal(logits: Tensor, target: Tensor) -> Tensor:
    """Semantic affinity: mean over the classes present of -ln precision - ln recall - ln specificity.

    Class c counts as present where a valid voxel has it; "empty" is a class like any other. With p the softmax and
    g the one-hot truth: P = sum(p g) / sum(p), R = sum(p g) / sum(g), S = sum((1-p)(1-g)) / sum(1-g)
    (Cao and de Charette 2022, equations 3 to 5). A term without a denominator is left out.

    Args:
        logits: (N, C) or (B, C, ...).
        target: (N,) or (B, ...) integer train ids, 255 ignored.

    Returns:
        Scalar, finite with finite gradient; 0 if no voxel is valid.
    """
    return affinities(logits, target)[0]


def affinities(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """`sem_scal` and `geo_scal` of one softmax, which costs more than the rest of both."""
    logits, target = valid_voxels(logits, target)
    if target.numel() == 0:
        return logits.sum(), logits.sum()
    probability = logits.softmax(dim=1)
    return _semantic(probability, target), _geometric(probability, target)


def _semantic(probability: Tensor, target: Tensor) -> Tensor:
    """`sem_scal` of probabilities (N, C) and valid train ids (N,)."""
    own = probability.gather(1, target[:, None])[:, 0]
    # double: a specificity is the small difference of two large sums
    hit = torch.zeros_like(probability[0], dtype=torch.float64).index_add(0, target, own.double())
    predicted = probability.sum(dim=0, dtype=torch.float64)
    true = torch.bincount(target, minlength=probability.shape[1]).double()
    total = float(target.numel())
    terms = _affinity(hit, predicted, true, total - predicted - true + hit, total)
    present = true > 0
    return (torch.where(present, terms, 0.0).sum() / present.sum()).float()


def geo_scal(logits: Tensor, target: Tensor) -> Tensor:
    """Geometric affinity: -ln precision - ln recall - ln specificity of "occupied" against "empty".

    The same terms as `sem_scal` for the single class "not empty", of probability 1 - p_0. Without an occupied voxel
    only the specificity is left, without an empty one only precision and recall.

    Args:
        logits: (N, C) or (B, C, ...), class 0 is empty.
        target: (N,) or (B, ...) integer train ids, 255 ignored.

    Returns:
        Scalar, finite with finite gradient; 0 if no voxel is valid.
    """
    return affinities(logits, target)[1]


def _geometric(probability: Tensor, target: Tensor) -> Tensor:
    """`geo_scal` of probabilities (N, C) and valid train ids (N,)."""
    # both probabilities are sums of softmax terms: 1 - p_0 would lose its digits where p_0 is close to 1
    empty, occupied = probability[:, EMPTY], probability[:, EMPTY + 1 :].sum(dim=1)
    truth = (target != EMPTY).to(occupied)
    rejected = (empty * (1 - truth)).sum()
    return _affinity((occupied * truth).sum(), occupied.sum(), truth.sum(), rejected, float(target.numel()))


def _affinity(hit: Tensor, predicted: Tensor, true: Tensor, rejected: Tensor, total: float) -> Tensor:
    """-ln precision - ln recall - ln specificity from sums over voxels.

    Args:
        hit: (...) sum of p g.
        predicted: (...) sum of p.
        true: (...) sum of g, a count.
        rejected: (...) sum of (1 - p)(1 - g).
        total: number of voxels.
    """
    positive = _negative_log(hit, predicted) + _negative_log(hit, true)
    negative = _negative_log(rejected, total - true)
    return torch.where(true > 0, positive, 0.0) + torch.where(true < total, negative, 0.0)


def _negative_log(numerator: Tensor, denominator: Tensor) -> Tensor:
    """-ln(numerator / denominator), at most about 28, so that value and gradient stay finite."""
    return -(numerator / denominator.clamp_min(_TINY)).clamp(_TINY, 1.0).log()
