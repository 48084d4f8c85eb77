"""Where things lie in the camera's frustum: image and depth, each from 0 to 1."""

from __future__ import annotations

import torch
from torch import Tensor

from ssc_ros.core import DepthBins
from ssc_ros.networks.volume.blocks import channels_first, channels_last


def depth_density(logits: Tensor) -> Tensor:
    """Probability of each depth bin, [B, D, h, w] -> the same, a ray's bins side by side in memory.

    In single precision at least, under autocast too: a voxel near the camera sums thousands of them.
    """
    return channels_first(channels_last(logits).softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32)))


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


def lower_neighbor(location: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Index, in an axis of `size` cells with one more at either end, of the centre at or before a location in 0..1, and
    the distance from it, 0 to 1.

    Locations beyond the padding are moved to its centre, where everything is zero.
    """
    position = (location * size - 0.5).clamp(-1, size)
    lower = position.detach().floor().clamp(max=size - 1)
    return lower.long() + 1, position - lower


def frustum_points(projection: Tensor, size: tuple[int, int], image_size: tuple[int, int], bins: DepthBins) -> Tensor:
    """Where the centres of the image's cells lie at the centre of each depth bin: the inverse of a projection.

    Args:
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel (u d, v d, d).
        size: (h, w) cells that divide the image.
        image_size: (height, width) [px] of the image that the projection refers to.
        bins: of the depth.

    Returns:
        [B, D, h, w, 3] in the grid frame [m].
    """
    # double precision: autocast would make half precision of single in the matrix products
    matrix = projection.double()
    v, u = (
        torch.arange(n, device=matrix.device).to(matrix).add(0.5).mul(pixels / n).sub(0.5)
        for n, pixels in zip(size, image_size, strict=True)
    )
    v, u = torch.meshgrid(v, u, indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1)
    # depth (u, v, 1) = A x + b, with all four columns: x = depth A^-1 (u, v, 1) - A^-1 b
    inverse = torch.linalg.inv(matrix[..., :3])
    rays = torch.einsum("bij,hwj->bhwi", inverse, pixels).to(projection)
    camera = -(inverse @ matrix[..., 3:]).mT.to(projection)
    depth = torch.from_numpy(bins.centers).to(projection)
    return camera[:, :, None, None] + depth[:, None, None, None] * rays[:, None]
