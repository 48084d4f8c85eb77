"""How well the pair agrees at each depth: group-wise correlation (GwcNet, Guo et al. 2019; VLScene)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ssc_ros.core import DepthBins


def group_correlation(left: Tensor, right: Tensor, groups: int, disparities: int) -> Tensor:
    """Mean product of the channels of each group, for whole disparities.

    Args:
        left, right: [B, C, h, w] features of a rectified pair.
        groups: G, which divides C.
        disparities: S; a cell of the left image is compared with those 0 .. S - 1 cells further left in the right one.

    Returns:
        [B, G, S, h, w]; 0 where the right image has no such cell.
    """
    width = left.shape[-1]
    left, right = (x.unflatten(1, (groups, -1)) for x in (left, right))
    # one image per disparity, joined at the end: written into a volume, each would copy it in the backward pass
    images = [(left[..., shift:] * right[..., : width - shift]).mean(dim=2) for shift in range(min(disparities, width))]
    volume = torch.stack([functional.pad(image, (width - image.shape[-1], 0)) for image in images], dim=2)
    return functional.pad(volume, (0, 0, 0, 0, 0, disparities - len(images)))


def disparity_weights(focal_baseline: Tensor, bins: DepthBins, disparities: int) -> Tensor:
    """Linear interpolation from whole disparities to the disparities of the depth bins.

    Args:
        focal_baseline: [B] disparity [cells] times depth [m].
        bins: of the depth.
        disparities: S, from 0 upwards.

    Returns:
        [B, D, S]; each row sums to 1, or to less where a bin is nearer than the last disparity reaches.
    """
    centers = torch.from_numpy(bins.centers).to(focal_baseline)
    disparity = focal_baseline[:, None, None] / centers[:, None]
    whole = torch.arange(disparities, device=focal_baseline.device, dtype=focal_baseline.dtype)
    return (1 - (disparity - whole).abs()).clamp(min=0)


def at_depths(volume: Tensor, focal_baseline: Tensor, bins: DepthBins) -> Tensor:
    """From disparities to depths.

    Args:
        volume: [B, G, S, h, w] over whole disparities of cells.
        focal_baseline: [B] disparity [cells] times depth [m].
        bins: of the depth.

    Returns:
        [B, G, D, h, w] at the centres of the bins.
    """
    batch, groups, disparities, height, width = volume.shape
    weights = disparity_weights(focal_baseline.float(), bins, disparities).to(volume)
    flat = volume.movedim(1, 2).reshape(batch, disparities, -1)
    return torch.bmm(weights, flat).view(batch, bins.count, groups, height, width).movedim(2, 1)


def right_projection(projection: Tensor, focal_baseline: Tensor) -> Tensor:
    """Projection into the right image of a rectified pair.

    Args:
        projection: [B, 3, 4], grid frame [m] -> homogeneous pixel (u d, v d, d) of the left image.
        focal_baseline: [B] disparity [px] times depth [m].

    Returns:
        [B, 3, 4]: the same row and depth, and (u d) less by the disparity times d, which is constant.
    """
    right = projection.clone()
    right[:, 0, 3] -= focal_baseline
    return right
