"""The neck: sizes, and how far a cell of its result sees."""

import torch

from ssc_ros.networks.backbones.context_neck import ContextNeck


def test_the_result_has_the_size_of_the_finest_level() -> None:
    torch.manual_seed(0)
    neck = ContextNeck((24, 40, 112), 16)
    pyramid = [torch.randn(2, width, 48 // s, 160 // s) for width, s in ((24, 1), (40, 2), (112, 4))]
    assert neck(pyramid).shape == (2, 16, 48, 160)


def test_the_coarsest_level_sees_seven_cells_to_each_side() -> None:
    """Three 3x3 convolutions with dilations 1, 2 and 4; bilinear enlargement and the smoothing add at most two."""
    torch.manual_seed(0)
    neck = ContextNeck((4, 4, 8), 8).eval()
    pyramid = [torch.randn(1, 4, 124, 124), torch.randn(1, 4, 62, 62), torch.randn(1, 8, 31, 31).requires_grad_()]
    neck(pyramid)[0, :, 62, 62].sum().backward()
    seen = pyramid[2].grad.abs().sum(dim=(0, 1)) > 0
    rows = seen.any(dim=1).nonzero()[:, 0]
    assert 15 <= rows.max() - rows.min() + 1 <= 19
