"""Where things lie in the camera's frustum: image and depth, each from 0 to 1."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import DepthBins


def frustum_coordinates(voxels: Tensor, image_size: tuple[int, int], bins: DepthBins) -> tuple[Tensor, Tensor]:
    """Normalise pixels and depths.

    Args:
        voxels: [..., 3]: u, v [px], a pixel's centre being an integer, and depth [m].
        image_size: (height, width) [px].
        bins: of the depth.

    Returns:
        [..., 3] coordinates (u, v, depth): 0 and 1 are the outer edges of the image and of the first and last bin;
        [...] bool, whether the point is in view: in front of the camera and inside of the image, at any depth.
    """
    height, width = image_size
    u, v, depth = voxels.unbind(-1)
    u, v = (u + 0.5) / width, (v + 0.5) / height
    along = ((depth - bins.first) / bins.step + 0.5) / bins.count
    visible = (u > 0) & (u < 1) & (v > 0) & (v < 1) & (depth > 0.1)
    return torch.stack([u, v, along], dim=-1), visible
