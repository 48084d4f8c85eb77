"""Augmentations of a whole scene: mirroring and colour. Each draws from the generator it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ssc_ros.core import SEMANTIC_KITTI, SceneGrid
from ssc_ros.systems import SceneInputs
from ssc_ros.training.mirror import mirror_sample
from ssc_ros.training.photometry import Photometry
from ssc_ros.training.scene_sample import SceneSample

IMAGES = ("image", "right", "past_image")
"""Inputs that are colour images, (..., 3, H, W) uint8."""

SWEEP = {"points": torch.nan, "lidar_depth": 0, "lidar_voxels": 0, "lidar_classes": 0, "lidar_sightings": -1}
"""Inputs of a sweep, and what they hold where there is none."""

PAIR = {"stereo_points": torch.nan, "stereo_depth": 0, "stereo_voxels": 0, "stereo_sightings": -1}
"""Inputs of a matched pair, and what they hold where nothing was matched."""

NOISE_CELLS = 16
"""Image cells along an axis between two drawn values of the noise of class logits."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class SceneAugmentation:
    """What training does to a sample.

    Attributes:
        flip: probability of mirroring the scene left to right.
        color: strength of the colour jitter; brightness, contrast, saturation and gamma change by factors in
            [1 / (1 + color), 1 + color].
        photometry: strength of `Photometry`, which changes images far more.
        hide_sweep: probability that a network which reads LiDAR beside stereo gets an empty sweep, as when a robot's
            LiDAR fails.
        hide_pair: probability that, of a sample with a sweep, nothing of the pair was matched.
        forget: probability of training on a sample without its past, so that a network of several frames knows what to
            do when the poses are lost.
        label_noise: largest standard deviation of the noise that is added to the logits of pixels' classes; each sample
            draws its own, so the network sees labels of every quality, and learns what to trust.
    """

    flip: float = 0.5
    color: float = 0.3
    photometry: float = 0.0
    hide_sweep: float = 0.0
    hide_pair: float = 0.0
    forget: float = 0.0
    label_noise: float = 0.0

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
        if self.photometry > 0:
            seed = int(torch.randint(2**31, (), generator=generator))
            inputs |= {key: relit(inputs[key], self.photometry, seed) for key in IMAGES if key in inputs}
        if self.hide_sweep > 0 and torch.rand((), generator=generator) < self.hide_sweep:
            inputs |= _hidden(inputs, SWEEP)
        elif self.hide_pair > 0 and torch.rand((), generator=generator) < self.hide_pair:
            inputs |= _hidden(inputs, PAIR)
        if self.label_noise > 0:
            inputs |= worse_classes(self.label_noise, sample.truth.image.shape, generator)
            if "lidar_classes" in inputs:
                inputs["lidar_classes"] = wrong_blocks(inputs["lidar_classes"], generator)
        return sample._replace(inputs=inputs)


def _hidden(inputs: SceneInputs, blank: Mapping[str, float]) -> SceneInputs:
    return {key: torch.full_like(inputs[key], value) for key, value in blank.items() if key in inputs}


CLASSES = len(SEMANTIC_KITTI)
"""That every network with labelled points tells apart."""


def worse_classes(strength: float, cells: torch.Size, generator: torch.Generator) -> SceneInputs:
    """Draw what makes the classes of pixels worse: `class_noise` and `class_scale` of `SceneInputs`, unbatched.

    A real street is unlike simulated ones in regions and in classes as a whole, not in single pixels: so the noise is
    coarse, and a part of it is the same all over the image. The scale makes a segmenter surer or less sure.

    Args:
        strength: largest standard deviation.
        cells: (h, w) of the image.
        generator: draws.
    """
    size = [CLASSES, *(max(2, n // NOISE_CELLS + 1) for n in cells)]
    sigma = strength * torch.rand((), generator=generator)
    noise = torch.randn(size, generator=generator) + 0.5 * torch.randn(CLASSES, 1, 1, generator=generator)
    scale = (2 * torch.rand((), generator=generator) - 0.5).exp()
    return {"class_noise": sigma * noise, "class_scale": scale}


WRONG_BLOCK = 8
"""Voxels along x and y of a block in which points are labelled wrong together."""


def wrong_blocks(classes: Tensor, generator: torch.Generator) -> Tensor:
    """Exchange classes of voxels (X, Y, Z) in some blocks, as a segmenter of points errs on a sensor it does not know.

    A sample draws how many of its blocks are wrong. In a wrong block a class becomes another one of those that occur.
    """
    present = classes[classes > 0]
    if not len(present):
        return classes
    x, y, _ = classes.shape
    blocks = -(-x // WRONG_BLOCK), -(-y // WRONG_BLOCK)
    share = 0.6 * torch.rand((), generator=generator)
    other = present[torch.randint(len(present), (*blocks, CLASSES), generator=generator)]
    same = torch.arange(CLASSES, dtype=classes.dtype).expand_as(other)
    kept = torch.rand(*blocks, CLASSES, generator=generator) >= share
    table = torch.where(kept, same, other)
    table[..., 0] = 0
    i, j, k = classes.nonzero(as_tuple=True)
    result = classes.clone()
    result[i, j, k] = table[i // WRONG_BLOCK, j // WRONG_BLOCK, classes[i, j, k].long()]
    return result


def color_factors(strength: float, generator: torch.Generator) -> Tensor:
    """(4,) log-uniform factors in [1 / (1 + strength), 1 + strength]: gamma, brightness, contrast and saturation."""
    return ((2 * torch.rand(4, generator=generator) - 1) * torch.log1p(torch.tensor(strength))).exp()


def relit(images: Tensor, strength: float, seed: int) -> Tensor:
    """Change (..., 3, H, W) uint8 RGB images, all of them alike, as `Photometry` of that strength does."""
    change = Photometry(strength)
    flat = images.reshape(-1, *images.shape[-3:]).movedim(1, -1).numpy()
    changed = np.stack([change(image, np.random.default_rng(seed)) for image in flat])
    return torch.from_numpy(changed).movedim(-1, 1).reshape(images.shape)


def recolor(images: Tensor, factors: Tensor) -> Tensor:
    """Change gamma, brightness, contrast and saturation of (..., 3, H, W) uint8 RGB images."""
    gamma, brightness, contrast, saturation = factors.tolist()
    color = (images.float() / 255) ** gamma * brightness
    grey = (color * color.new_tensor(_LUMA).view(3, 1, 1)).sum(dim=-3, keepdim=True)
    color = torch.lerp(grey, color, saturation)
    color = torch.lerp(grey.mean(dim=(-2, -1), keepdim=True), color, contrast)
    return (color.clamp(0, 1) * 255).round().to(torch.uint8)
