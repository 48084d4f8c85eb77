"""Supervision of a predicted depth distribution by measured depth."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import DepthBins

_TINY = 1e-6
"""Least probability of a mistake that a bin is charged for: the loss stays finite."""


def depth_kl(logits: Tensor, depth: Tensor, bins: DepthBins, sigma: float = 0.5) -> Tensor:
    """KL(target || prediction), the mean over pixels with a measured depth inside the bins.

    The target is a normal around the measured depth, in metres throughout. (The published code of L2COcc and CGFormer
    compares a mean in bins with edges in metres, which moves the peak to twice the depth.)

    Args:
        logits: (B, D, H, W), softmax over the D = `bins.count` depth bins.
        depth: (B, H, W) [m]; 0, negative or not finite where there is no measurement.
        bins: the bins of D.
        sigma: deviation of the target [m].

    Returns:
        Scalar >= 0; 0 if no pixel is measured.
    """
    log_prediction, measured = _at_measured(logits, depth, bins)
    if len(measured) == 0:
        return log_prediction.sum()
    centers = torch.from_numpy(bins.centers).to(log_prediction)
    energy = -0.5 * ((centers - measured[:, None]) / sigma) ** 2
    # not the exponential of the logarithm, which is slow where it underflows: in nearly all bins
    return (energy.softmax(dim=-1) * (energy.log_softmax(dim=-1) - log_prediction)).sum(dim=-1).mean()


def depth_cross_entropy(logits: Tensor, depth: Tensor, bins: DepthBins) -> Tensor:
    """Binary cross entropy of every bin, summed over bins, the mean over pixels with a measured depth inside the bins.

    The probabilities are the softmax over the bins, the target is 1 in the bin that holds the depth (BEVDepth, Li et
    al. 2023; HTCL). (The published code of HTCL and VLScene marks the bin half a metre nearer.)

    Args:
        logits, depth, bins: as for `depth_kl`.

    Returns:
        Scalar >= 0; 0 if no pixel is measured.
    """
    log_prediction, measured = _at_measured(logits, depth, bins)
    if len(measured) == 0:
        return log_prediction.sum()
    index = ((measured - bins.first) / bins.step).round().long().clamp(0, bins.count - 1)
    hit = torch.zeros_like(log_prediction).scatter(1, index[:, None], 1.0)
    missed = (1 - log_prediction.exp()).clamp(min=_TINY).log()
    return -(hit * log_prediction + (1 - hit) * missed).sum(dim=-1).mean()


def _at_measured(logits: Tensor, depth: Tensor, bins: DepthBins) -> tuple[Tensor, Tensor]:
    """Log probabilities [N, D] and depths [N] [m] of the pixels with a measured depth inside the bins."""
    inside = (depth >= float(bins.edges[0])) & (depth <= float(bins.edges[-1]))
    return logits.movedim(1, -1)[inside].float().log_softmax(dim=-1), depth[inside]
