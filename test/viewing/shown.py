"""A scene that remembers what it was shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SemanticGrid


class ShownScene:
    """What was shown, in its order, by kind."""

    def __init__(self) -> None:
        self.grids: list[SemanticGrid] = []
        self.images: list[tuple[int, NDArray[np.uint8]]] = []
        self.points: list[tuple[int, NDArray[np.float32], NDArray[np.uint8] | None]] = []
        self.statuses: list[tuple[int, float, float, int]] = []

    def add_grid(self, grid: SemanticGrid) -> None:
        self.grids.append(grid)

    def add_left_image(self, stamp: int, image: NDArray[np.uint8]) -> None:
        self.images.append((stamp, image))

    def add_points(self, stamp: int, points: NDArray[np.float32], colors: NDArray[np.uint8] | None = None) -> None:
        self.points.append((stamp, points, colors))

    def add_status(self, stamp: int, latency: float, processing_time: float, drops: int) -> None:
        self.statuses.append((stamp, latency, processing_time, drops))
