"""Rows are chosen, and what comes back is added to them."""

import pytest
import torch

from ssc_ros.networks.chosen import chosen_rows


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_row_gets_the_sum_of_what_its_copies_get(dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 5, generator=random).to(dtype).requires_grad_()
    index = torch.randint(40, (300,), generator=random)
    pulls = torch.randn(300, 5, generator=random).to(dtype)
    chosen = chosen_rows(rows, index)
    assert torch.equal(chosen, rows[index])
    (gradient,) = torch.autograd.grad(chosen, rows, pulls)
    expected = torch.stack([pulls[index == row].double().sum(dim=0) for row in range(50)])
    assert (gradient[40:] == 0).all()
    torch.testing.assert_close(gradient, expected.to(dtype), atol=1e-5, rtol=1e-5 if dtype != torch.bfloat16 else 4e-3)
