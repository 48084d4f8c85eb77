"""The rolling map: fuses completed grids at their poses, and shows what it knows around the robot."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import LabelSet, SceneGrid, SemanticGrid, poses
from ssc_ros.kernels.evidence import RUN, cut_grid, fade_words, fuse_grid
from ssc_ros.kernels.threads import parallel_for
from ssc_ros.mapping.clocks import ROUND, Clocks
from ssc_ros.mapping.evidence import Evidence, distance_bands, moving_bits

RADIUS, HEIGHT = 51.2, 12.8
"""How far the map reaches from the robot to all sides, and how high it is [m]."""

Matrix = NDArray[np.float64]


class SemanticMap:
    """A volume of evidence in a frame that stands still, around the robot. Belongs to one thread at a time.

    The volume moves with the robot by whole runs of voxels; what it leaves behind is forgotten.

    Attributes:
        grid: box and voxels of the grids that are fused.
        label_set: their classes.
        evidence: the model.
        threads: how many work on a grid.
        words: (NX, NY, NZ) uint32, see `kernels.evidence`.
        origin: (3,) int64, lowest voxel of the world in the volume.
        grids: how many were fused since the map was clear.
    """

    def __init__(
        self,
        grid: SceneGrid,
        label_set: LabelSet,
        evidence: Evidence | None = None,
        radius: float = RADIUS,
        height: float = HEIGHT,
        threads: int = 0,
    ) -> None:
        """Know nothing yet.

        Args:
            grid: of what will be fused; a multiple of `RUN` voxels high.
            label_set: of what will be fused.
            evidence: the model; default: the fitted one.
            radius, height: of the volume [m].
            threads: how many work on a grid; 0: as many as there are cores.
        """
        assert grid.shape[2] % RUN == 0, "grids of all label sets are"
        self.grid, self.label_set, self.evidence = grid, label_set, evidence or Evidence()
        self.threads = threads or len(os.sched_getaffinity(0))
        runs = [round(length / grid.voxel_size / RUN) for length in (2 * radius, 2 * radius, height)]
        self.words = np.zeros([RUN * max(1, count) for count in runs], np.uint32)
        self._tables, self._bands = self.evidence.tables(), distance_bands(grid)
        self._moving, self._seen = np.int32(moving_bits(label_set)), np.ones(grid.shape, np.uint8)
        self._certain = np.full(grid.shape, 191, np.uint8)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.words[:] = 0
        self.origin = np.zeros(3, np.int64)
        self.grids = 0
        self._clocks = Clocks()
        self._swept = 0.0

    def fuse(self, grid: SemanticGrid, T_world_grid: Matrix) -> None:
        """Add what a completed grid says.

        Args:
            grid: without confidence, each label counts as probable by 3/4; without a view, as seen.
            T_world_grid: (4, 4), its pose in a frame that stands still.
        """
        self._pass_time(grid.stamp, T_world_grid)
        self._roll(T_world_grid)
        volumes = (
            grid.labels,
            self._certain if grid.confidence is None else grid.confidence,
            self._seen if grid.observed is None else grid.observed.view(np.uint8),
            self._bands,
        )
        box = self._box(T_world_grid)
        place = self.words, self.origin, box, self._to_grid(T_world_grid), self.grids % 2
        model = self._tables, *self._fading, self.evidence.limits
        self._over(int(box[1, 0] - box[0, 0]), fuse_grid, *place, volumes, grid.measured, *model)
        self.grids += 1

    def cut(self, T_world_grid: Matrix, stamp: int, confidence: bool = True) -> SemanticGrid:
        """Return the box of a grid at a pose: occupied with its class, or empty.

        Args:
            T_world_grid: (4, 4), where the grid is.
            stamp: of the result [ns].
            confidence: say how sure it is, too.
        """
        return self._show(self.grid, self._to_world(T_world_grid), stamp, confidence)

    def whole(self, frame_id: str, stamp: int) -> SemanticGrid:
        """Return the whole volume, in the frame that stands still.

        Args:
            frame_id: name of that frame.
            stamp: of the result [ns].
        """
        x, y, z = (float(number) * self.grid.voxel_size for number in self.origin)
        size_x, size_y, size_z = self.words.shape
        scene = SceneGrid((x, y, z), self.grid.voxel_size, (size_x, size_y, size_z), frame_id)
        to_world = np.c_[np.eye(3), self.origin.astype(np.float64)]
        return self._show(scene, to_world, stamp, confidence=False)

    @property
    def memory(self) -> int:
        """Size of the volume [bytes]."""
        return self.words.nbytes

    def _show(self, scene: SceneGrid, to_world: Matrix, stamp: int, confidence: bool) -> SemanticGrid:
        labels = np.empty(scene.shape, np.uint8)
        sure = np.empty(scene.shape, np.uint8) if confidence else None
        self._over(
            scene.shape[0], cut_grid, self.words, self.origin, to_world, *self._fading,
            np.int32(self.evidence.units(self.evidence.threshold)), self.evidence.sureness(), labels, sure,
        )  # fmt: skip
        return SemanticGrid(labels, scene, self.label_set, stamp, sure)

    @property
    def _fading(self) -> tuple[NDArray[np.int32], NDArray[np.int32], np.int32]:
        return self._clocks.ticks, self.evidence.rates, self._moving

    def _over(self, count: int, loop: Callable[..., object], *arguments: object) -> None:
        """Run a compiled loop over range(count) on all threads."""
        parallel_for(lambda begin, end: loop(begin, end, *arguments), count, self.threads)

    def _pass_time(self, stamp: int, T_world_grid: Matrix) -> None:
        """Let the clocks go on, and bring as many words up to date as their stamps demand."""
        self._clocks.aim(stamp, T_world_grid[:3, 3])
        size = len(self.words)
        while passed := self._clocks.advance():
            first, self._swept = self._swept, min(self._swept + passed * size / ROUND, float(size))
            columns = self.words[int(first) : int(self._swept)]
            self._over(len(columns), fade_words, columns, *self._fading)
            self._swept %= size

    def _roll(self, T_world_grid: Matrix) -> None:
        """Move the volume so that the robot is near its middle; clear what enters."""
        grid, shape = self.grid, np.array(self.words.shape)
        middle = np.array([0, 0, (grid.min_corner[2] + grid.max_corner[2]) / 2])
        around = poses.apply(T_world_grid, middle) / grid.voxel_size
        wanted = np.floor((around - shape / 2) / RUN + 0.5).astype(np.int64) * RUN
        if not self.grids or (np.abs(wanted - self.origin) >= shape).any():
            self.words[:] = 0
            self.origin = wanted
            return
        for axis in range(3):
            old, new, size = int(self.origin[axis]), int(wanted[axis]), int(shape[axis])
            entering = np.arange(old + size, new + size) if new > old else np.arange(new, old)
            for first in range(0, len(entering), RUN):
                place = int(entering[first]) % size
                self.words[(slice(None),) * axis + (slice(place, place + RUN),)] = 0
        self.origin = wanted

    def _box(self, T_world_grid: Matrix) -> NDArray[np.int64]:
        """Return the voxels of the world that a grid may reach, (2, 3): first and one past the last."""
        low, high = np.array(self.grid.min_corner), np.array(self.grid.max_corner)
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, 8).T
        reach = poses.apply(T_world_grid, corners) / self.grid.voxel_size
        box = np.stack([np.floor(reach.min(axis=0)), np.ceil(reach.max(axis=0))]).astype(np.int64)
        box[:, 2] = box[:, 2] // RUN * RUN + [-RUN, 2 * RUN]  # whole runs, which move as their middles do
        return np.clip(box, self.origin, self.origin + self.words.shape)

    def _to_world(self, T_world_grid: Matrix) -> Matrix:
        """Return the transform (3, 4) from voxels of the grid to voxels of the world."""
        turn, corner = T_world_grid[:3, :3], np.array(self.grid.min_corner)
        return np.asarray(np.c_[turn, (turn @ corner + T_world_grid[:3, 3]) / self.grid.voxel_size])

    def _to_grid(self, T_world_grid: Matrix) -> Matrix:
        """Return the transform (3, 4) from voxels of the world to voxels of the grid."""
        back = poses.inverse(T_world_grid)
        return np.asarray(np.c_[back[:3, :3], (back[:3, 3] - np.array(self.grid.min_corner)) / self.grid.voxel_size])
