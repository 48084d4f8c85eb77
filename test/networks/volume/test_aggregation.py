"""Planes are aggregated by a loop as torch does it."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.networks.volume.aggregation import aggregate, weighed


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("xy", [(3, 5, 4), (3, 5, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loops_aggregate_as_torch_does(xy: tuple[int, int, int], dtype: torch.dtype) -> None:
    """Values and gradients, of the logits too, with the plane seen from above whole or broadcast."""
    random = torch.Generator().manual_seed(0)
    shapes = [xy, (1, 5, 4), (3, 1, 4), (3, 5, 4)]
    parts = [torch.randn(2, *shape, 6, generator=random).to(dtype).requires_grad_() for shape in shapes]
    weight = torch.randn(4, 6, generator=random).requires_grad_()
    exact = [part.detach().float().requires_grad_() for part in parts]
    ours, theirs = aggregate(weight, parts), weighed(weight, exact)
    pulls = [torch.randn(result.shape, generator=random).to(dtype) for result in theirs]
    near = {"atol": 1e-5, "rtol": 1e-5} if dtype == torch.float32 else {"atol": 1e-3, "rtol": 1e-2}
    for result, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(result.float(), expected, **near)
    gradients, expected = (
        torch.autograd.grad(results, [weight, *of], [pull.to(results[0]) for pull in pulls])
        for results, of in ((ours, parts), (theirs, exact))
    )
    for gradient, other in zip(gradients, expected, strict=True):
        assert (gradient - other).norm() < (1e-5 if dtype == torch.float32 else 5e-3) * other.norm()
