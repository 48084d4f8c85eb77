"""Augmentation of a LiDAR sweep: turned, mirrored, scaled, shifted, and of other materials."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_CLASSES = 256
"""That a uint8 tells apart."""


@dataclass(frozen=True)
class SweepAugmentation:
    """What training does to a sweep.

    Attributes:
        rotate: whether to turn it about the vertical axis, by any angle.
        flip: whether to mirror it in x, in y, in both or not at all, each as often.
        scale: it grows by a factor in 1 - scale .. 1 + scale.
        jitter: deviation of its shift along each axis [m].
        reflectance: deviation of the natural logarithm of a factor on the reflectance, one for each class: every sweep
            is of a world of other materials, so that nothing can be told by how bright it is in the simulated one.
    """

    rotate: bool = True
    flip: bool = True
    scale: float = 0.05
    jitter: float = 0.1
    reflectance: float = 0.0

    def __call__(self, cloud: Tensor, classes: Tensor, generator: torch.Generator) -> Tensor:
        """A changed copy of points (N, 4); `classes` (N,) uint8 are their train ids."""
        angle, factor, x, y = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        shift = self.jitter * torch.randn(3, generator=generator)
        turn = self.rotate * 2 * math.pi * angle
        change = torch.tensor([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
        if self.flip:
            change[:2] *= torch.tensor([[-1.0 if x < 0.5 else 1.0], [-1.0 if y < 0.5 else 1.0]])
        change *= 1 + self.scale * (2 * factor - 1)
        factors = (self.reflectance * torch.randn(MOST_CLASSES, generator=generator)).exp()
        reflectance = (cloud[:, 3] * factors[classes.long()]).clamp(max=1)
        return torch.cat([cloud[:, :3] @ change.T + shift, reflectance[:, None]], dim=1)
