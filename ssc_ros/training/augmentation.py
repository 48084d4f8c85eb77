"""Augmentations of a whole scene: mirroring and colour. Each draws from the generator it is given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import SceneGrid
from ssc_ros.training.sample import Sample, SceneTruth

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """What training does to a sample.

    Attributes:
        flip: probability of mirroring the scene left to right.
        color: strength of the colour jitter; brightness, contrast, saturation and gamma change by factors in
            [1 / (1 + color), 1 + color].
    """

    flip: float = 0.5
    color: float = 0.3

    def __call__(self, sample: Sample, grid: SceneGrid, generator: torch.Generator) -> Sample:
        """A changed copy of an unbatched sample."""
        if torch.rand((), generator=generator) < self.flip:
            sample = mirror(sample, grid)
        inputs = dict(sample.inputs)
        if self.color > 0 and "image" in inputs:
            inputs["image"] = jitter_color(inputs["image"], self.color, generator)
        return sample._replace(inputs=inputs)


def mirror(sample: Sample, grid: SceneGrid) -> Sample:
    """Exchange left and right: y in the grid, columns in the image, and the projection between them.

    The mirrored projection takes the mirror image of a voxel to the mirror image of its pixel, exactly; it is that of
    a camera whose extrinsics are conjugated by the two mirrors and whose principal point is at W - 1 - cx.

    Args:
        sample: unbatched.
        grid: gives the plane of the mirror, the middle of the box along y.
    """
    inputs, truth = sample
    mirrored = {}
    if "image" in inputs:
        mirrored = {
            "image": inputs["image"].flip(-1),
            "projection": mirror_projection(inputs["projection"], inputs["image"].shape[-1], grid),
            "stereo_depth": inputs["stereo_depth"].flip(-1),
            "stereo_voxels": mirror_children(inputs["stereo_voxels"]),
        }
    if "points" in inputs:
        mirrored["points"] = mirror_points(inputs["points"], grid)
    return Sample(mirrored, SceneTruth(truth.labels.flip(-2), truth.depth.flip(-1), truth.image.flip(-1)))


def mirror_points(points: Tensor, grid: SceneGrid) -> Tensor:
    """Mirror (N, 4) along y."""
    x, y, z, reflectance = points.unbind(-1)
    return torch.stack([x, grid.min_corner[1] + grid.max_corner[1] - y, z, reflectance], dim=-1)


def mirror_projection(projection: Tensor, width: int, grid: SceneGrid) -> Tensor:
    """M P G: projection P (3, 4) between the mirrors of pixels M, u -> W - 1 - u, and grid G, y -> y0 + y1 - y."""
    pixel_mirror = torch.tensor([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    grid_mirror = torch.diag(torch.tensor([1.0, -1, 1, 1], dtype=torch.float64))
    grid_mirror[1, 3] = grid.min_corner[1] + grid.max_corner[1]
    return (pixel_mirror @ projection.double() @ grid_mirror).to(projection.dtype)


def mirror_children(volume: Tensor) -> Tensor:
    """Mirror (8, X, Y, Z) along y; the bit of y in the child's number, the middle one, changes sides too."""
    return volume.unflatten(0, (2, 2, 2)).flip(1, -2).flatten(0, 2)


def jitter_color(image: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change gamma, brightness, contrast and saturation of (3, H, W) uint8 RGB by log-uniform factors."""
    log_factors = (2 * torch.rand(4, generator=generator) - 1) * torch.log1p(torch.tensor(strength))
    gamma, brightness, contrast, saturation = log_factors.exp().tolist()
    color = (image.float() / 255) ** gamma * brightness
    grey = (color * color.new_tensor(_LUMA).view(3, 1, 1)).sum(dim=0, keepdim=True)
    color = torch.lerp(grey, color, saturation)
    color = torch.lerp(grey.mean(), color, contrast)
    return (color.clamp(0, 1) * 255).round().to(torch.uint8)
