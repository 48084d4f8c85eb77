"""A small box, and points in and around it."""

import torch

from ssc_ros.core import SceneGrid

GRID = SceneGrid((0.0, -3.2, -1.0), 0.4, (16, 16, 8))


def cloud(count: int, seed: int = 0) -> torch.Tensor:
    """[count, 3], most of them inside of the box."""
    generator = torch.Generator().manual_seed(seed)
    low, high = (torch.tensor(c) for c in (GRID.min_corner, GRID.max_corner))
    return low + (high - low) * (1.2 * torch.rand(count, 3, generator=generator) - 0.1)
