"""The residual network on volumes, in the published sizes, alone and with its neck."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.networks.volume.fpn import Fpn3d
from ssc_ros.networks.volume.residual import BasicBlock3d, ResNet3d


@pytest.mark.parametrize(
    ("build", "published"),
    [
        (lambda: ResNet3d(128, 3, 1), 3_983_616),
        (lambda: ResNet3d(128, 3, 2), 6_639_360),
        (lambda: Fpn3d(128, 3), 951_296),
    ],
)
def test_the_published_sizes(build: Callable[[], nn.Module], published: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in build().parameters()) == published


def test_each_level_halves_the_size_and_the_neck_returns_the_finest() -> None:
    volume = torch.randn(2, 32, 8, 12, 4)
    net = ResNet3d(32)
    pyramid = net(volume)
    assert [tuple(level.shape) for level in pyramid] == [(2, 32, 8, 12, 4), (2, 32, 4, 6, 2), (2, 32, 2, 3, 1)]
    assert Fpn3d(32)(pyramid).shape == volume.shape


def test_a_block_is_the_sum_of_two_convolutions_and_its_shortcut() -> None:
    torch.manual_seed(0)
    block = BasicBlock3d(3, 2, project=True).eval()
    convolutions = [module.weight for module in block.modules() if isinstance(module, nn.Conv3d)]
    assert len(convolutions) == 3
    volume = torch.randn(1, 3, 4, 6, 4)
    scale = 1 / (1 + 1e-5) ** 0.5  # of a batch norm that has seen nothing
    first = functional.conv3d(volume, convolutions[0], stride=2, padding=1).mul(scale).relu()
    expected = functional.conv3d(first, convolutions[1], padding=1) * scale
    expected = expected + functional.conv3d(volume, convolutions[2], stride=2, padding=1) * scale
    torch.testing.assert_close(block(volume), expected.relu())
    assert isinstance(BasicBlock3d(3).shortcut, nn.Identity)


def test_a_batch_of_two_equals_two_singles() -> None:
    torch.manual_seed(0)
    trunk = nn.Sequential(ResNet3d(32), Fpn3d(32)).eval()
    volume = torch.randn(2, 32, 4, 8, 4)
    torch.testing.assert_close(trunk(volume), torch.cat([trunk(volume[:1]), trunk(volume[1:])]))
