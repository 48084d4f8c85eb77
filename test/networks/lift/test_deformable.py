"""Depth-weighted sampling equals trilinear sampling of the frustum that it never builds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.networks.lift import deformable
from ssc_ros.networks.lift.deformable import DepthDeformableAttention, sample_depth_weighted, sample_frustum


def arguments(
    seed: int = 0,
    queries: int = 20,
    batch: int = 2,
    heads: int = 2,
    channels: int = 3,
    points: int = 3,
    size: tuple[int, int, int] = (5, 4, 6),
    dtype: torch.dtype = torch.float64,
) -> list[torch.Tensor]:
    """Value, density, locations (some beyond every border), weights and sample."""
    random = torch.Generator().manual_seed(seed)
    bins, height, width = size
    value = torch.randn(batch, heads, channels, height, width, generator=random, dtype=dtype)
    density = torch.randn(batch, bins, height, width, generator=random, dtype=dtype).softmax(dim=1)
    locations = 1.6 * torch.rand(queries, heads, points, 3, generator=random, dtype=dtype) - 0.3
    weights = torch.randn(queries, heads, points, generator=random, dtype=dtype)
    return [value, density, locations, weights, torch.randint(batch, (queries,), generator=random)]


def gradients(operation: Callable[..., torch.Tensor], tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    leaves = [t.clone().requires_grad_(t.is_floating_point()) for t in tensors]
    result = operation(*leaves)
    result.backward(torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result))
    return [result.detach(), *(leaf.grad for leaf in leaves if leaf.requires_grad)]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 12),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)),
)
def test_equals_grid_sample_of_the_frustum_with_all_gradients(
    seed: int, queries: int, batch: int, heads: int, points: int, size: tuple[int, int, int]
) -> None:
    tensors = arguments(seed, queries, batch, heads, 3, points, size)
    for ours, reference in zip(
        gradients(sample_depth_weighted, tensors), gradients(sample_frustum, tensors), strict=True
    ):
        torch.testing.assert_close(ours, reference, atol=1e-10, rtol=1e-8)


def test_single_precision_stays_within_1e_5() -> None:
    tensors = arguments(3, 200, 2, 4, 8, 8, (20, 12, 40), torch.float32)
    for ours, reference in zip(
        gradients(sample_depth_weighted, tensors)[:4], gradients(sample_frustum, tensors)[:4], strict=True
    ):
        torch.testing.assert_close(ours, reference, atol=1e-5, rtol=1e-5)


def questions(size: tuple[int, int, int], queries: int = 200) -> tuple[DepthDeformableAttention, list[torch.Tensor]]:
    """An attention whose queries look beyond every border, and what it is given; some queries are out of view."""
    torch.manual_seed(4)
    attention = DepthDeformableAttention(16, 4, 8, 5)
    for layer in (attention.image_offsets, attention.depth_offsets, attention.weights):
        torch.nn.init.normal_(layer.weight)
    _, density, locations, _, sample = arguments(4, queries, 2, 1, 1, 1, size, torch.float32)
    context = torch.randn(2, 5, *density.shape[2:])
    asking, visible = torch.randn(queries, 16), torch.rand(queries) > 0.1
    return attention, [asking, context, density, locations[:, 0, 0], visible, sample]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("size", [(20, 12, 40), (1, 1, 1)])
def test_the_compiled_loop_attends_to_the_same(size: tuple[int, int, int]) -> None:
    attention, given = questions(size)
    expected = in_torch(attention, given).detach()
    with torch.inference_mode():
        found = attention(*given)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    alone = attention.output.bias.detach().expand(len(found), -1)
    out_of_view = ~given[-2]
    torch.testing.assert_close(found[out_of_view], alone[out_of_view])
    assert (found[~out_of_view] != alone[~out_of_view]).any()


def in_torch(attention: DepthDeformableAttention, given: list[torch.Tensor]) -> torch.Tensor:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deformable, "may_learn_by_loops", lambda _: False)
        result: torch.Tensor = attention(*given)
    return result


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("size", [(20, 12, 40), (1, 1, 1)])
def test_the_gradient_of_the_compiled_loop_is_that_of_torch(size: tuple[int, int, int]) -> None:
    attention, given = questions(size)
    learnt = [x.requires_grad_() for x in given[:3]] + list(attention.parameters())
    results = attention(*given), in_torch(attention, given)
    pulls = torch.randn(results[0].shape)
    ours, theirs = (torch.autograd.grad((pulls * result).sum(), learnt) for result in results)
    for gradient, expected in zip(ours, theirs, strict=True):
        assert (gradient - expected).norm() <= 1e-5 * expected.norm()
        assert (expected != 0).any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_location_that_is_no_number_is_nowhere_in_memory(axis: int) -> None:
    attention, given = questions((5, 4, 6), 20)
    given[3][3, axis] = torch.nan
    given[4][3] = True
    others = torch.arange(20) != 3
    with torch.inference_mode():
        found = attention(*given)
    given[3][3] = 0
    torch.testing.assert_close(found[others], in_torch(attention, given).detach()[others], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("place", [-0.2, 0.0, 0.05, 0.5, 0.95, 1.0, 1.2])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_borders_fade_to_zero_as_padding_does(place: float, axis: int) -> None:
    tensors = arguments()
    tensors[2][..., axis] = place
    ours, reference = sample_depth_weighted(*tensors), sample_frustum(*tensors)
    torch.testing.assert_close(ours, reference)
    assert (ours == 0).all() == (place in (-0.2, 1.2))


def test_derivatives_are_those_of_finite_differences() -> None:
    tensors = arguments(1, queries=4, channels=2, points=2, size=(3, 3, 4))
    leaves = [t.requires_grad_() for t in tensors[:4]]
    assert torch.autograd.gradcheck(lambda *a: sample_depth_weighted(*a, tensors[4]), leaves)


def test_a_location_on_a_centre_reads_that_cell_at_that_depth() -> None:
    value, density, locations, weights, sample = arguments(queries=1, batch=1, heads=1, points=1)
    locations[:] = torch.tensor([(4 + 0.5) / 6, (1 + 0.5) / 4, (2 + 0.5) / 5])
    expected = value[0, 0, :, 1, 4] * density[0, 2, 1, 4] * weights[0, 0, 0]
    torch.testing.assert_close(sample_depth_weighted(value, density, locations, weights, sample)[0, 0], expected)


def test_no_queries_no_result() -> None:
    for result, *_ in (gradients(f, arguments(queries=0)) for f in (sample_depth_weighted, sample_frustum)):
        assert result.shape == (0, 2, 3)


def test_each_query_reads_its_own_sample() -> None:
    value, density, locations, weights, sample = arguments(queries=30)
    together = sample_depth_weighted(value, density, locations, weights, sample)
    for b in range(2):
        mine = sample == b
        alone = sample_depth_weighted(
            value[b : b + 1], density[b : b + 1], locations[mine], weights[mine], torch.zeros_like(sample[mine])
        )
        torch.testing.assert_close(together[mine], alone)


def test_heads_start_as_eight_rings_of_equal_weight() -> None:
    attention = DepthDeformableAttention(16, 8, 3, 16)
    offsets = attention.image_offsets(torch.randn(2, 16))[0].view(8, 3, 2)
    torch.testing.assert_close(offsets.abs().amax(dim=-1), torch.tensor([1.0, 2.0, 3.0]).expand(8, 3))
    torch.testing.assert_close(offsets[2], torch.tensor([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]), atol=1e-6, rtol=0)
    # opposite heads look in opposite directions, in depth too
    torch.testing.assert_close(offsets[:4], -offsets[4:], atol=1e-5, rtol=0)
    depth = attention.depth_offsets(torch.randn(2, 16))[0].view(8, 3)
    torch.testing.assert_close(depth[:4], -depth[4:], atol=1e-5, rtol=0)
    torch.testing.assert_close(depth[0], torch.tensor([0.5, 1.0, 1.5]))
    assert (attention.weights(torch.randn(2, 16)) == 0).all()


def test_attention_reads_single_cells_by_offsets_counted_in_cells_and_bins() -> None:
    attention = DepthDeformableAttention(2, 1, 1, 2).double()
    for layer in (attention.value, attention.output):
        torch.nn.init.eye_(layer.weight)
    with torch.no_grad():
        attention.image_offsets.bias.copy_(torch.tensor([2.0, -1.0]))
        attention.depth_offsets.bias.copy_(torch.tensor([3.0]))
    value, density, *_ = arguments(heads=1, channels=2)
    reference = torch.tensor([[(1 + 0.5) / 6, (2 + 0.5) / 4, (1 + 0.5) / 5]], dtype=torch.float64)
    read = attention(
        torch.randn(1, 2, dtype=torch.float64), value[:, 0], density, reference, torch.tensor([True]), torch.tensor([1])
    )
    torch.testing.assert_close(read[0], value[1, 0, :, 1, 3] * density[1, 4, 1, 3])
