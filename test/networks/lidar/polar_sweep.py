"""A small polar grid, and a sweep in and around it."""

import numpy as np
import torch

from ssc_ros.core import PolarGrid

GRID = PolarGrid((8, 12, 4), (2.0, 10.0), (-2.0, 2.0))


def sweep(count: int = 400, seed: int = 0) -> torch.Tensor:
    """(N, 4), some of it outside of the grid."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.uniform((-14, -14, -3, 0), (14, 14, 3, 1), (count, 4)).astype(np.float32))
