"""A stereo pair of features whose disparity is known."""

import torch


def shifted_noise(disparity: int, height: int, width: int, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A surface parallel to the image plane, of white noise: the right image sees it further to the left."""
    scene = torch.randn(1, channels, height, width + disparity, generator=torch.Generator().manual_seed(0))
    return scene[..., :width], scene[..., disparity:]
