"""One thread computes small gradients, and all of them the others."""

import copy

import pytest
import torch
from torch import nn

from ssc_ros.training import small_gradients
from ssc_ros.training.small_gradients import compute_small_gradients_alone


def test_threads_are_changed_around_small_gradients_alone(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, stride=2, padding=1))
    network, image = copy.deepcopy(plain), torch.randn(2, 3, 8, 12)
    monkeypatch.setattr(small_gradients, "SHARED", 2 * 8 * 12 - 1)  # of the first map
    compute_small_gradients_alone(network)
    counts: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", counts.append)
    for each in (plain, network):
        each(image).square().sum().backward()
    assert counts == [1, torch.get_num_threads()]
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    with torch.inference_mode():
        assert torch.equal(network(image), plain(image))
