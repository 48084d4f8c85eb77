"""The compiled loops of the map against their numpy twin, bit for bit, on random streams of grids and poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI, UNKNOWN, SceneGrid, SemanticGrid
from ssc_ros.kernels.evidence import RUN, fade_words
from ssc_ros.mapping import reference
from ssc_ros.mapping.evidence import Evidence
from ssc_ros.mapping.semantic_map import SemanticMap

GRID = SceneGrid((0.0, -6.4, -2.0), 0.4, (48, 32, 16), "base")
SECOND = 1_000_000_000


def _pose(generator: np.random.Generator, step: int) -> NDArray[np.float64]:
    """A robot that drives a curve over hills."""
    yaw, pitch = 0.1 * step, generator.uniform(-0.1, 0.1)
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    pose = np.eye(4)
    pose[:3, :3] = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]]) @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    pose[:3, 3] = 1.3 * step, -40 + 0.4 * step, 0.5 * step
    return pose


def _completed(generator: np.random.Generator, step: int, measured: bool) -> SemanticGrid:
    """Noise with the classes of a street, most of it empty."""
    labels = generator.integers(0, 20, GRID.shape).astype(np.uint8)
    labels[generator.random(GRID.shape) < 0.8] = 0
    labels[generator.random(GRID.shape) < 0.01] = UNKNOWN
    return SemanticGrid(
        labels, GRID, SEMANTIC_KITTI, step * SECOND // 5,
        confidence=generator.integers(0, 256, GRID.shape).astype(np.uint8),
        observed=generator.random(GRID.shape) < 0.5,
        measured=generator.integers(0, 2, (*(n // 2 for n in GRID.shape), 8)).astype(np.uint8) if measured else None,
    )  # fmt: skip


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("threads", [1, 2])
def test_loops_equal_the_twin_bit_for_bit(measured: bool, threads: int) -> None:
    generator = np.random.default_rng(1)
    scene = SemanticMap(GRID, SEMANTIC_KITTI, replace(Evidence(), gain=0.8), radius=25.6, height=9.6, threads=threads)
    for step in range(8):
        grid, pose = _completed(generator, step, measured), _pose(generator, step)
        # the twin fuses into what the map was after it had moved and faded
        scene._pass_time(grid.stamp, pose)
        scene._roll(pose)
        expected = scene.words.copy()
        fading = scene._fading
        view = np.zeros(GRID.shape, np.uint8) if grid.observed is None else grid.observed.view(np.uint8)
        volumes = (grid.labels, grid.confidence, view, scene._bands)
        reference.fuse(
            expected, scene._box(pose), scene._to_grid(pose), scene.grids % 2, volumes, grid.measured, scene._tables,
            fading, scene.evidence.limits,
        )  # fmt: skip
        scene.fuse(grid, pose)
        np.testing.assert_array_equal(scene.words, expected)
        assert (scene.words > 0).any()

        # and both are asked for the same box
        threshold = scene.evidence.units(scene.evidence.threshold)
        labels, confidence = reference.cut(
            scene.words, scene.origin, scene._to_world(pose), GRID.shape, fading, threshold, scene.evidence.sureness()
        )
        found = scene.cut(pose, grid.stamp)
        np.testing.assert_array_equal(found.labels, labels)
        np.testing.assert_array_equal(found.confidence, confidence)
        np.testing.assert_array_equal(scene.cut(pose, grid.stamp, confidence=False).labels, labels)


def test_fading_equals_the_twin() -> None:
    generator = np.random.default_rng(2)
    scene = SemanticMap(GRID, SEMANTIC_KITTI, radius=12.8, height=6.4, threads=1)
    for step in range(3):
        scene.fuse(_completed(generator, step, False), np.eye(4))
    expected, before = scene.words.copy(), scene.words.copy()
    scene._clocks.ticks = np.array([30, 9], np.int32)
    reference.fade(expected, scene._fading)
    scene._swept = 0.0
    fade_words(0, len(scene.words), scene.words, *scene._fading)
    np.testing.assert_array_equal(scene.words, expected)
    assert (scene.words != before).any()


def test_a_map_is_a_whole_number_of_runs_high() -> None:
    assert SemanticMap(GRID, SEMANTIC_KITTI, height=5.0, radius=3.0).words.shape[2] % RUN == 0
