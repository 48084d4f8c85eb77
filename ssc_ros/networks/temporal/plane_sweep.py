"""Plane sweep (Collins 1996): past images as they would look from here, if everything were at one depth."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ssc_ros.core import DepthBins

NEAREST = 0.1
"""Less far [m] in front of a past camera nothing is seen by it."""


def homographies(projection: Tensor, past_projection: Tensor) -> tuple[Tensor, Tensor]:
    """The way of a pixel into past images, by its depth.

    With the projections A x + b and A' x + b', the point that pixel p sees at depth d is x = A^-1 (d p - b); the past
    camera has it at d H p + e with H = A' A^-1 and e = b' - H b.

    Args:
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel (u d, v d, d) of the current image.
        past_projection: [B, P, 3, 4] the same of past images, from the current grid frame.

    Returns:
        [B, P, 3, 3] H and [B, P, 3] e, in double precision, which autocast leaves alone.
    """
    now, past = projection.double()[:, None], past_projection.double()
    infinite = past[..., :3] @ torch.linalg.inv(now[..., :3])
    return infinite, past[..., 3] - (infinite @ now[..., 3:])[..., 0]


def swept_places(
    projection: Tensor,
    past_projection: Tensor,
    valid: Tensor,
    planes: DepthBins,
    size: tuple[int, int],
    image_size: tuple[int, int],
) -> Tensor:
    """Where past images show what the cells of the current one would see at each depth.

    Args:
        projection, past_projection: as for `homographies`.
        valid: [B, P] bool, whether there is such an image.
        planes: the depths.
        size: (h, w) cells that divide the current image.
        image_size: (height, width) [px] of all images.

    Returns:
        [B, P, D, h, w, 2] as `grid_sample` wants it without align_corners: right and down, -1 and 1 at the outer edges
        of the past image; -2 where it sees nothing.
    """
    infinite, shift = homographies(projection, past_projection)
    v, u = (
        torch.arange(n, device=infinite.device).to(infinite).add(0.5).mul(pixels / n).sub(0.5)
        for n, pixels in zip(size, image_size, strict=True)
    )
    v, u = torch.meshgrid(v, u, indexing="ij")
    rays = torch.einsum("bpij,hwj->bphwi", infinite, torch.stack([u, v, torch.ones_like(u)], dim=-1)).float()
    depths = torch.from_numpy(planes.centers).to(rays)[:, None, None, None]
    seen = depths * rays[:, :, None] + shift.float()[:, :, None, None, None]
    u, v, depth = seen.unbind(-1)
    visible = (depth > NEAREST) & valid[:, :, None, None, None]
    height, width = image_size
    across = [(2 * at / depth + 1) / pixels - 1 for at, pixels in ((u, width), (v, height))]
    return torch.stack(across, dim=-1).masked_fill(~visible[..., None], -2)


def plane_sweep(features: Tensor, places: Tensor) -> Tensor:
    """Past features at all depths of the current view.

    Args:
        features: [B, P, C, h', w'] of past images, in whatever resolution.
        places: [B, P, D, h, w, 2], see `swept_places`.

    Returns:
        [B, P, C, D, h, w]; 0 where a past image sees nothing.
    """
    batch, past, depths = places.shape[:3]
    swept = functional.grid_sample(features.flatten(0, 1), places.flatten(0, 1).flatten(1, 2), align_corners=False)
    return swept.unflatten(2, (depths, -1)).unflatten(0, (batch, past))
