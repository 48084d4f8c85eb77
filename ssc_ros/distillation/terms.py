"""Distances between a student and a teacher: pure functions, in which the teacher is a constant."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

_ROWS = 512
"""Rows of an affinity matrix that are in memory at once."""
_SHORTEST = 1e-4
"""Length below which a feature counts as zero. It bounds the gradient, which grows as one over the length."""


def alignment_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Divergence of the student's distribution from the teacher's: mean over N of KL(teacher || student).

    T^2 mean_n sum_c t_nc (ln t_nc - ln s_nc) with t, s the softmax of logits / T. The factor T^2 keeps the size of the
    gradient when T changes (Hinton et al. 2015, section 2).

    Args:
        student: [N, C] logits.
        teacher: [N, C] logits; no gradient flows here.
        temperature: T.

    Returns:
        Scalar >= 0; 0 (with zero gradient) for N = 0.
    """
    log_student = (student.float() / temperature).log_softmax(dim=1)
    log_teacher = (teacher.detach().float() / temperature).log_softmax(dim=1)
    total = functional.kl_div(log_student, log_teacher, reduction="sum", log_target=True)
    return total * (temperature**2 / max(1, len(student)))


def selected_divergence(student: Tensor, teacher: Tensor, temperature: float, threshold: float) -> Tensor:
    """Divergence of the student's distribution from the teacher's, where it is large (Jiang et al. 2023).

    d_n = 1/C sum_c t_nc (ln t_nc - ln s_nc) with t, s the softmax of logits / T; the mean of those d_n > threshold.

    Args:
        student: [N, C] logits.
        teacher: [N, C] logits; no gradient flows here.
        temperature: T.
        threshold: what counts as large.

    Returns:
        Scalar >= 0; 0 (with zero gradient) if none is large.
    """
    log_student = (student.float() / temperature).log_softmax(dim=1)
    log_teacher = (teacher.detach().float() / temperature).log_softmax(dim=1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).mean(dim=1)
    large = divergence > threshold
    return torch.where(large, divergence, 0.0).sum() / large.sum().clamp_min(1)


def label_weighted_distance(student: Tensor, teacher: Tensor, weight: Tensor) -> Tensor:
    """Root of the mean over the cells of weight times squared distance (Jiang et al. 2023, equation of LWD).

    Args:
        student: [B, C, R, A] features.
        teacher: [B, C, R, A] features, as an adapter that is trained along gives them.
        weight: [B, R, A].

    Returns:
        Scalar >= 0; 0 (with zero gradient) where nothing has a weight.
    """
    mean = ((student - teacher).square().sum(dim=1) * weight).mean()
    return torch.where(mean > 0, mean, 1.0).sqrt() * (mean > 0)


def cosine_distance(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Mean over the masked cells of 1 - cos(student, teacher), the angle taken along the channels.

    Args:
        student: [B, C, ...] features.
        teacher: [B, C, ...] features; no gradient flows here.
        mask: [B, ...] bool, the cells that count.

    Returns:
        Scalar in [0, 2]; 0 (with zero gradient) if no cell counts. A feature of zeros has distance 1 to all others.
    """
    directions = [_directions(x.movedim(1, -1)[mask], dim=1) for x in (student, teacher.detach())]
    cosine = (directions[0] * directions[1]).sum(dim=1)
    return (1 - cosine).sum() / max(1, len(cosine))


def affinity_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean absolute difference of two affinity matrices, the cosines between every two cells of a plane.

    The matrices [B, hw, hw] never exist: a block of rows is made, summed and forgotten, and made again for its
    gradient.

    Args:
        student: [B, C, h, w] features.
        teacher: [B, K, h, w] features, K need not be C; no gradient flows here.

    Returns:
        Scalar in [0, 2].
    """
    # in single precision: the matrices differ by less than what half precision keeps of a cosine
    with torch.autocast(student.device.type, enabled=False):
        student, teacher = (_directions(x.flatten(2).mT, dim=2) for x in (student, teacher.detach()))
        total = student.new_zeros(())
        for start in range(0, student.shape[1], _ROWS):
            block = checkpoint(_row_difference, student, teacher, start, use_reentrant=False, preserve_rng_state=False)
            total = total + block
    return total / (student.shape[0] * student.shape[1] ** 2)


def _row_difference(student: Tensor, teacher: Tensor, start: int) -> Tensor:
    """Sum of the absolute differences in rows start .. start + _ROWS of the affinities of [B, hw, C] directions."""
    rows = slice(start, start + _ROWS)
    return (student[:, rows] @ student.mT - teacher[:, rows] @ teacher.mT).abs().sum()


def _directions(features: Tensor, dim: int) -> Tensor:
    return functional.normalize(features.float(), dim=dim, eps=_SHORTEST)
