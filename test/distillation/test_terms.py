"""The distances of distillation against closed forms, slow references and torch's own divergences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, kl_divergence
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from ssc_ros.distillation.terms import (
    affinity_distance,
    alignment_kl,
    cosine_distance,
    label_weighted_distance,
    selected_divergence,
)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_alignment_is_the_mean_divergence_from_the_teacher() -> None:
    student, teacher = 3 * normal(50, 20), 3 * normal(50, 20, seed=1)
    expected = kl_divergence(Categorical(logits=teacher), Categorical(logits=student)).mean()
    assert alignment_kl(student, teacher).item() == pytest.approx(expected.item(), rel=1e-5)
    assert alignment_kl(teacher, teacher).item() == pytest.approx(0, abs=1e-6)


def test_a_certain_teacher_of_an_ignorant_student_costs_ln_c() -> None:
    teacher = 200 * functional.one_hot(torch.arange(5), 5).float()
    assert alignment_kl(torch.zeros(5, 5), teacher).item() == pytest.approx(math.log(5))
    # the other way round the uniform teacher finds four of five classes at probability e^-200
    assert alignment_kl(teacher, torch.zeros(5, 5)).item() == pytest.approx(0.8 * 200 - math.log(5), rel=1e-5)


def test_a_published_weight_of_70_is_3_5_per_voxel() -> None:
    # L2COcc divides by the 20 classes as well: KLDivLoss of reduction "mean", as torch has had it to date
    student, teacher = normal(33, 20), normal(33, 20, seed=1)
    published = functional.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="none").mean()
    assert 3.5 * alignment_kl(student, teacher).item() == pytest.approx(70 * published.item(), rel=1e-5)


def test_hot_alignment_compares_the_logits_themselves() -> None:
    # for large T: T^2 KL -> half the variance over the classes of the difference of the logits (Hinton et al. 2015)
    student, teacher = normal(40, 20), normal(40, 20, seed=1)
    expected = (student - teacher).var(dim=1, correction=0).mean() / 2
    assert alignment_kl(student, teacher, temperature=100).item() == pytest.approx(expected.item(), rel=0.02)


def test_cosine_distance_of_known_angles() -> None:
    angles = torch.tensor([[0.0, 60.0, 90.0, 180.0]]).deg2rad()
    lengths = torch.tensor([[0.1, 1.0, 7.0, 200.0]])
    student = torch.stack([angles.cos(), angles.sin()], dim=1) * lengths
    teacher = torch.tensor([[[1.0], [0.0]]]).expand(1, 2, 4)
    each = [cosine_distance(student, teacher, functional.one_hot(torch.tensor([i]), 4).bool()).item() for i in range(4)]
    assert each == pytest.approx([0.0, 0.5, 1.0, 2.0], abs=1e-6)
    assert cosine_distance(student, teacher, torch.ones(1, 4).bool()).item() == pytest.approx(3.5 / 4)


@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 5)])
def test_cosine_distance_is_the_mean_over_masked_cells_of_the_whole_batch(shape: tuple[int, ...]) -> None:
    student, teacher = normal(2, 7, *shape), normal(2, 7, *shape, seed=1)
    mask = normal(2, *shape, seed=2) > 0.5
    each = 1 - functional.cosine_similarity(student, teacher, dim=1)
    assert cosine_distance(student, teacher, mask).item() == pytest.approx(each[mask].mean().item(), rel=1e-5)


def test_cells_outside_the_mask_are_not_even_read() -> None:
    student, teacher = normal(1, 4, 6), normal(1, 4, 6, seed=1)
    mask = torch.tensor([[True, True, False, True, False, True]])
    expected = cosine_distance(student, teacher, mask)
    student[:, :, 2], teacher[:, :, 4] = torch.nan, torch.inf
    student.requires_grad_()
    value = cosine_distance(student, teacher, mask)
    value.backward()
    assert value.item() == expected.item()
    assert torch.isfinite(student.grad).all()
    assert (student.grad[:, :, [2, 4]] == 0).all()


def test_features_of_zeros_are_a_right_angle_away_with_a_bounded_gradient() -> None:
    student, teacher = torch.zeros(1, 4, 3, requires_grad=True), normal(1, 4, 3)
    value = cosine_distance(student, teacher, torch.ones(1, 3).bool())
    value.backward()
    assert value.item() == 1
    assert student.grad.abs().max() < 1e4


def naive_affinity(student: Tensor, teacher: Tensor) -> Tensor:
    def matrix(plane: Tensor) -> Tensor:
        cells = plane.flatten(2).movedim(1, 2)
        return functional.cosine_similarity(cells[:, :, None], cells[:, None, :], dim=3)

    return (matrix(student) - matrix(teacher)).abs().mean()


@pytest.mark.parametrize("size", [(4, 6), (16, 32), (20, 30)], ids=str)  # less than, just and more than a block of rows
def test_affinity_distance_and_its_gradient_are_those_of_whole_matrices(size: tuple[int, int]) -> None:
    student, teacher = normal(2, 5, *size).requires_grad_(), normal(2, 3, *size, seed=1)
    expected = naive_affinity(student, teacher)
    slope = torch.autograd.grad(expected, student)[0]
    value = affinity_distance(student, teacher)
    value.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(student.grad, slope, rtol=1e-3, atol=1e-3 * slope.abs().max().item())


def test_affinity_does_not_see_rotation_and_length_of_the_features() -> None:
    plane = normal(2, 6, 5, 4)
    rotation = torch.linalg.qr(normal(6, 6, seed=1)).Q
    lengths = normal(2, 1, 5, 4, seed=2).exp()
    turned = torch.einsum("kc,bchw->bkhw", rotation, plane) * lengths
    assert affinity_distance(turned, plane).item() == pytest.approx(0, abs=1e-6)
    # all cells alike against all cells orthogonal: 1 everywhere but on the diagonal
    alike, apart = torch.ones(1, 6, 2, 3), torch.eye(6).reshape(1, 6, 2, 3)
    assert affinity_distance(alike, apart).item() == pytest.approx(1 - 1 / 6)


def test_affinity_keeps_single_precision_under_autocast() -> None:
    student, teacher = normal(1, 8, 6, 6), normal(1, 8, 6, 6, seed=1)
    expected = affinity_distance(student, teacher)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(affinity_distance(student, teacher), expected)


class LargestTensor(TorchDispatchMode):
    """The number of elements of the largest tensor that an operation returned."""

    elements = 0

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: object,
        arguments: tuple[Any, ...] = (),
        keywords: dict[str, Any] | None = None,
    ) -> Any:
        result = function(*arguments, **(keywords or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


def test_a_whole_affinity_matrix_never_exists() -> None:
    cells = 40 * 40
    student, teacher = normal(1, 4, 40, 40).requires_grad_(), normal(1, 4, 40, 40, seed=1)
    with LargestTensor() as largest:
        affinity_distance(student, teacher).backward()
    assert cells < largest.elements < cells**2 / 3
    assert student.grad.abs().sum() > 0


CELLS = torch.ones(2, 3, 3).bool()

TERMS = {
    "alignment": lambda student, teacher: alignment_kl(student.flatten(1), teacher.flatten(1)),
    "cosine": lambda student, teacher: cosine_distance(student, teacher, CELLS),
    "affinity": affinity_distance,
}


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_only_the_student_learns(term: Callable[[Tensor, Tensor], Tensor]) -> None:
    student, teacher = (normal(2, 4, 3, 3, seed=i).requires_grad_() for i in range(2))
    term(student, teacher).backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_a_step_downhill_brings_the_student_nearer(term: Callable[[Tensor, Tensor], Tensor]) -> None:
    student, teacher = normal(2, 4, 3, 3).requires_grad_(), normal(2, 4, 3, 3, seed=1)
    before = term(student, teacher)
    before.backward()
    with torch.no_grad():
        after = term(student - 1e-2 * student.grad / student.grad.norm(), teacher)
    assert 0 < after.item() < before.item()


def test_nothing_to_compare_is_zero_with_zero_gradient() -> None:
    logits, plane = normal(0, 20).requires_grad_(), normal(2, 4, 3, 3).requires_grad_()
    values = [alignment_kl(logits, normal(0, 20)), cosine_distance(plane, normal(2, 4, 3, 3), ~CELLS)]
    torch.stack(values).sum().backward()
    assert [value.item() for value in values] == [0, 0]
    assert logits.grad.shape == (0, 20)
    assert (plane.grad == 0).all()


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_divergence_counts_where_it_is_large() -> None:
    """Two classes of probabilities 3/4 and 1/4; the other voxel says nearly the same."""
    teacher = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])
    student = torch.tensor([[0.0, math.log(3)], [0.0, 0.01]])
    expected = kl([0.75, 0.25], [0.25, 0.75]) / 2
    assert selected_divergence(student, teacher, 1.0, 0.01).item() == pytest.approx(expected, rel=1e-5)
    small = kl([0.5, 0.5], torch.tensor([0.0, 0.01]).softmax(0).tolist()) / 2
    assert selected_divergence(student, teacher, 1.0, 0.0).item() == pytest.approx((expected + small) / 2, rel=1e-4)
    halved = torch.tensor([math.log(3) / 2, 0.0]).softmax(0).tolist()
    expected = kl(halved, halved[::-1]) / 2
    assert selected_divergence(student, teacher, 2.0, 0.01).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("count", [0, 5])
def test_divergence_of_nothing_is_zero_with_zero_gradient(count: int) -> None:
    """Nothing is selected: there is no voxel, or all agree. The published mean over none is not a number."""
    teacher = torch.randn(count, 4)
    student = teacher.clone().requires_grad_()
    value = selected_divergence(student, teacher, 10.0, 0.01)
    value.backward()
    assert value.item() == 0
    assert (student.grad == 0).all()


def test_weighted_distance_by_hand() -> None:
    """Two samples of one row of two cells: sqrt((2 * (1 + 4) + 0.5 * 9 + 0 + 0) / 4)."""
    student = torch.zeros(2, 2, 1, 2)
    teacher = torch.zeros(2, 2, 1, 2)
    teacher[0, :, 0, 0] = torch.tensor([1.0, -2.0])
    teacher[1, 1, 0, 1] = 3.0
    teacher[0, 0, 0, 1] = 100.0
    weight = torch.tensor([[[2.0, 0.0]], [[0.0, 0.5]]])
    assert label_weighted_distance(student, teacher, weight).item() == pytest.approx(math.sqrt(14.5 / 4))
    student.requires_grad_()
    nothing = label_weighted_distance(student, teacher, torch.zeros_like(weight))
    nothing.backward()
    assert nothing.item() == 0
    assert student.grad.isfinite().all()
