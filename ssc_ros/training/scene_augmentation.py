"""Augmentations of a whole scene: mirroring and colour. Each draws from the generator it is given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ssc_ros.core import SceneGrid
from ssc_ros.training.mirror import mirror_sample
from ssc_ros.training.scene_sample import SceneSample

IMAGES = ("image", "right", "past_image")
"""Inputs that are colour images, (..., 3, H, W) uint8."""

SWEEP_VOLUMES = ("lidar_voxels", "lidar_classes")
"""Inputs that an empty sweep makes zero."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class SceneAugmentation:
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

    def __call__(self, sample: SceneSample, grid: SceneGrid, generator: torch.Generator) -> SceneSample:
        """A changed copy of an unbatched sample."""
        if self.flips(generator):
            sample = mirror_sample(sample, grid)
        return self.varied(sample, generator)

    def forgets(self, generator: torch.Generator) -> bool:
        """Draw whether to leave the past out; a probability of 0 draws nothing."""
        return self.forget > 0 and bool(torch.rand((), generator=generator) < self.forget)

    def flips(self, generator: torch.Generator) -> bool:
        """Draw whether to mirror."""
        return bool(torch.rand((), generator=generator) < self.flip)

    def varied(self, sample: SceneSample, generator: torch.Generator) -> SceneSample:
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
