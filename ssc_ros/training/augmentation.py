"""Augmentations of a whole scene: mirroring and colour. Each draws from the generator it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ssc_ros.core import SceneGrid, SscError
from ssc_ros.distillation import PixelGuidance
from ssc_ros.training.mirror import grid_mirror
from ssc_ros.training.sample import Sample, SceneTruth

IMAGES = ("image", "right", "past_image")
"""Inputs that are colour images, (..., 3, H, W) uint8."""

SWEEP_VOLUMES = ("lidar_voxels", "lidar_classes")
"""Inputs that an empty sweep makes zero."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Augmentation:
    """What training does to a sample.

    Attributes:
        flip: probability of mirroring the scene left to right.
        color: strength of the colour jitter; brightness, contrast, saturation and gamma change by factors in
            [1 / (1 + color), 1 + color].
        hide_sweep: probability that a network which reads LiDAR beside stereo gets an empty sweep, as when a robot's
            LiDAR fails.
        forget: probability of training on a sample without its past, so that a network of several frames knows what to
            do when the poses are lost.
    """

    flip: float = 0.5
    color: float = 0.3
    hide_sweep: float = 0.0
    forget: float = 0.0

    def __call__(self, sample: Sample, grid: SceneGrid, generator: torch.Generator) -> Sample:
        """A changed copy of an unbatched sample."""
        if self.flips(generator):
            sample = mirror(sample, grid)
        return self.varied(sample, generator)

    def forgets(self, generator: torch.Generator) -> bool:
        """Draw whether to leave the past out; a probability of 0 draws nothing."""
        return self.forget > 0 and bool(torch.rand((), generator=generator) < self.forget)

    def flips(self, generator: torch.Generator) -> bool:
        """Draw whether to mirror."""
        return bool(torch.rand((), generator=generator) < self.flip)

    def varied(self, sample: Sample, generator: torch.Generator) -> Sample:
        """A copy in other colours, perhaps without sweep: all that needs no mirror.

        All images of the sample, of both cameras and of the past, are recoloured alike.
        """
        inputs = dict(sample.inputs)
        factors = color_factors(self.color, generator)
        if self.color > 0:
            inputs |= {key: recolor(inputs[key], factors) for key in IMAGES if key in inputs}
        if self.hide_sweep > 0 and torch.rand((), generator=generator) < self.hide_sweep:
            inputs |= {key: torch.zeros_like(inputs[key]) for key in SWEEP_VOLUMES if key in inputs}
        return sample._replace(inputs=inputs)


def mirror(sample: Sample, grid: SceneGrid) -> Sample:
    """Exchange left and right: y in the grid, columns in the image, and the projection between them.

    The mirrored projection takes the mirror image of a voxel to the mirror image of its pixel, exactly; it is that of
    a camera whose extrinsics are conjugated by the two mirrors and whose principal point is at W - 1 - cx.

    A pair cannot be mirrored this way: its left image becomes a right one, see `mirror.mirror_frame`.

    Args:
        sample: unbatched; not of a network that reads the right image.
        grid: gives the plane of the mirror, the middle of the box along y.

    Raises:
        SscError: the sample has a right image.
    """
    inputs, truth, guidance = sample
    if "right" in inputs:
        raise SscError("a sample with a right image cannot be mirrored; mirror its frame (MirroredSequence)")
    flip = partial(torch.flip, dims=(-1,))
    project = partial(mirror_projection, width=inputs["image"].shape[-1] if "image" in inputs else 0, grid=grid)
    points = partial(mirror_points, grid=grid)
    changes: dict[str, Callable[[Tensor], Tensor]] = {
        "image": flip,
        "projection": project,
        "stereo_depth": flip,
        "stereo_voxels": mirror_children,
        "stereo_points": points,
        "points": points,
        "lidar_voxels": mirror_children,
        "lidar_classes": partial(torch.flip, dims=(-2,)),
        "past_image": flip,
        "past_projection": project,
        "past_voxels": mirror_children,
        "past_valid": lambda valid: valid,
    }
    mirrored = {key: changes[key](value) for key, value in inputs.items()}
    said = None if guidance is None else PixelGuidance(*map(flip, guidance))
    return Sample(mirrored, SceneTruth(truth.labels.flip(-2), truth.depth.flip(-1), truth.image.flip(-1)), said)


def mirror_points(points: Tensor, grid: SceneGrid) -> Tensor:
    """Mirror (N, 3 or 4) along y."""
    x, y, *others = points.unbind(-1)
    return torch.stack([x, grid.min_corner[1] + grid.max_corner[1] - y, *others], dim=-1)


def mirror_projection(projection: Tensor, width: int, grid: SceneGrid) -> Tensor:
    """M P G: projections P (..., 3, 4) between the mirrors of pixels M, u -> W - 1 - u, and of the grid G."""
    pixel_mirror = torch.tensor([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    return (pixel_mirror @ projection.double() @ torch.from_numpy(grid_mirror(grid))).to(projection.dtype)


def mirror_children(volume: Tensor) -> Tensor:
    """Mirror (8, X, Y, Z) along y; the bit of y in the child's number, the middle one, changes sides too."""
    return volume.unflatten(0, (2, 2, 2)).flip(1, -2).flatten(0, 2)


def color_factors(strength: float, generator: torch.Generator) -> Tensor:
    """(4,) log-uniform factors in [1 / (1 + strength), 1 + strength]: gamma, brightness, contrast and saturation."""
    return ((2 * torch.rand(4, generator=generator) - 1) * torch.log1p(torch.tensor(strength))).exp()


def recolor(images: Tensor, factors: Tensor) -> Tensor:
    """Change gamma, brightness, contrast and saturation of (..., 3, H, W) uint8 RGB images."""
    gamma, brightness, contrast, saturation = factors.tolist()
    color = (images.float() / 255) ** gamma * brightness
    grey = (color * color.new_tensor(_LUMA).view(3, 1, 1)).sum(dim=-3, keepdim=True)
    color = torch.lerp(grey, color, saturation)
    color = torch.lerp(grey.mean(dim=(-2, -1), keepdim=True), color, contrast)
    return (color.clamp(0, 1) * 255).round().to(torch.uint8)
