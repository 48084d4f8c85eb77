"""Depth discretisation, owned in one place so that labels, frustum and sampling agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DepthBins:
    """Uniform depth bins; bin k is centred at `first + k * step` [m].

    The lift-splat models use first 2.0 m, step 0.5 m, count 112 (2.0 .. 57.5 m).
    """

    first: float = 2.0
    step: float = 0.5
    count: int = 112

    @property
    def centers(self) -> NDArray[np.float32]:
        """(count,) float32 [m]."""
        return np.asarray(self.first + self.step * np.arange(self.count), np.float32)

    @property
    def edges(self) -> NDArray[np.float32]:
        """(count + 1,) float32 [m], half a step around the centres."""
        return np.asarray(self.first + self.step * (np.arange(self.count + 1) - 0.5), np.float32)

    def coordinate(self, depth: NDArray[np.floating]) -> NDArray[np.floating]:
        """Continuous bin coordinate of a depth [m]: k at the centre of bin k, unclamped."""
        return (depth - self.first) / self.step

    def index(self, depth: NDArray[np.floating]) -> NDArray[np.int64]:
        """Bin that holds each depth [m]; -1 outside the edges or where the depth is not finite."""
        finite = np.isfinite(depth)
        k = np.floor(self.coordinate(np.where(finite, depth, self.first)) + 0.5).astype(np.int64)
        return np.where(finite & (k >= 0) & (k < self.count), k, -1)
