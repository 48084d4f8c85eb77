"""The hourglass keeps any size, and has the published one."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.networks.depth.hourglass import Hourglass

from ..sizes import parameters


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("size", [8, 7, 5])
def test_an_hourglass_keeps_any_size(dimensions: int, size: int) -> None:
    x = torch.randn(1, 4, *[size] * dimensions)
    assert Hourglass(dimensions, 4)(x).shape == x.shape


def test_an_hourglass_of_volumes_has_the_published_size() -> None:
    with torch.device("meta"):
        assert parameters(Hourglass(3, 32)) == 1_112_192
