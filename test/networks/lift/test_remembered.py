"""A result is used again exactly while its arguments stay the same and nobody differentiates."""

from __future__ import annotations

import copy

import torch

from ssc_ros.networks.lift.remembered import Remembered


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
        self.calls += 1
        return x * size[0]


@torch.no_grad()
def test_a_result_is_remembered_until_its_arguments_change() -> None:
    twice, remembered = Counted(), Remembered[torch.Tensor]()
    x = torch.ones(2, 3)
    results = [remembered(twice, x.clone(), (2, 1)) for _ in range(3)]
    assert twice.calls == 1
    assert all((result == 2).all() for result in results)
    x[1, 2] = 5  # in place: what was remembered of it is a copy
    assert remembered(twice, x, (2, 1))[1, 2] == 10
    assert remembered(twice, x, (3, 1))[1, 2] == 15
    assert remembered(twice, x.double(), (3, 1)).dtype == torch.float64
    assert remembered(twice, x[:1].double(), (3, 1)).shape == (1, 3)
    assert twice.calls == 5


def test_nothing_is_remembered_with_gradients_or_without_data() -> None:
    twice, remembered = Counted(), Remembered[torch.Tensor]()
    for _ in range(2):
        remembered(twice, torch.ones(1), (2,))
        with torch.no_grad():
            remembered(twice, torch.ones(1, device="meta"), (2,))
    assert twice.calls == 4


@torch.no_grad()
def test_a_copied_network_remembers_by_itself() -> None:
    twice, remembered = Counted(), Remembered[torch.Tensor]()
    remembered(twice, torch.ones(1), (2,))
    other = copy.deepcopy(remembered)
    assert other(twice, torch.full((1,), 3.0), (2,)).item() == 6
    assert remembered(twice, torch.ones(1), (2,)).item() == 2
    assert twice.calls == 2
