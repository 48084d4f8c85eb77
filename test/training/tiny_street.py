"""A street that is learnt in seconds, a road and one building in the SemanticKITTI layout, and tiny networks for it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import tiny_l2cocc
import tiny_polar
import tiny_sgn
from lightning import Callback
from lightning.pytorch import Trainer
from torch import nn

from ssc_ros.core import SEMANTIC_KITTI, DepthBins, SceneGrid, StereoRig
from ssc_ros.data import voxel_files
from ssc_ros.networks.backbones.residual import ResidualEncoder, TopDownNeck
from ssc_ros.networks.language.prompts import prompts_of
from ssc_ros.networks.language.text import HashedWords
from ssc_ros.systems import InputSpec
from ssc_ros.systems.lang_seg.network import LangSeg
from ssc_ros.systems.segmenter.network import Segmenter

GRID = SceneGrid((0.0, -6.4, -2.0), 0.4, (32, 32, 16))
SPEC = InputSpec(image_size=(64, 128), context_size=(16, 32), grid=GRID, bins=DepthBins(1.0, 0.5, 24))


def lang_seg() -> LangSeg:
    encoder = nn.Sequential(ResidualEncoder((8, 8, 16), 1), TopDownNeck((8, 16), 8))
    return LangSeg(replace(SPEC, pair=()), encoder, 8, HashedWords(16)(prompts_of(SEMANTIC_KITTI.names)))


def segmenter() -> Segmenter:
    return Segmenter(
        replace(SPEC, pair=()),
        encoder=ResidualEncoder((8, 8, 16), blocks=1),
        neck=TopDownNeck((8, 16), out_channels=8),
        channels=8,
        classes=len(SEMANTIC_KITTI),
    )


PRESETS = {
    "l2cocc": partial(tiny_l2cocc.camera, SPEC),
    "l2cocc_lidar": partial(tiny_l2cocc.lidar, SPEC),
    "l2cocc_image": partial(tiny_l2cocc.image, SPEC),
    "lang_seg": lang_seg,
    "segmenter": segmenter,
    "sgn": partial(tiny_sgn.camera, SPEC),
    "polarnet": tiny_polar.polarnet,
    "cylinder3d": tiny_polar.cylinder3d,
}
"""System -> its preset `tiny`."""
IMAGE_SIZE = (64, 128)
_CALIBRATION = """P2: 64 0 64 0 0 64 32 0 0 0 1 0
P3: 64 0 64 -32 0 64 32 0 0 0 1 0
Tr: 0 -1 0 0 0 0 -1 0 1 0 0 0
"""
ROAD, BUILDING = 40, 50


def write_street(root: Path, name: str, frames: int, seed: int) -> None:
    """Write sequence `name` of `frames` labelled frames; the building stands elsewhere in each."""
    rng = np.random.default_rng(seed)
    path = root / "sequences" / name
    for folder in ("image_2", "image_3", "velodyne", "labels", "voxels"):
        (path / folder).mkdir(parents=True)
    (path / "calib.txt").write_text(_CALIBRATION)
    (path / "times.txt").write_text("".join(f"{0.1 * i:e}\n" for i in range(frames)))
    for i in range(frames):
        corner = np.array([rng.uniform(4, 9), rng.uniform(-4, 2), -1.6])
        extent = np.array([2.4, 2.4, 2.8])
        _write_images(path, f"{i:06d}.png", corner, extent, rng)
        _write_points(path, i, corner, extent, rng)
        centers = GRID.centers()
        volume = np.where(centers[..., 2] < GRID.min_corner[2] + GRID.voxel_size, ROAD, 0)
        volume[((centers >= corner) & (centers <= corner + extent)).all(axis=-1)] = BUILDING
        voxel_files.write_labels(path / "voxels" / f"{i:06d}.label", volume.astype(np.uint16))
        voxel_files.write_bits(path / "voxels" / f"{i:06d}.invalid", centers[..., 1] > 6)


def _write_images(path: Path, file: str, corner: np.ndarray, extent: np.ndarray, rng: np.random.Generator) -> None:
    rig = StereoRig(
        np.array([[64.0, 0, 64], [0, 64, 32], [0, 0, 1]]),
        0.5,
        IMAGE_SIZE,
        np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]),
    )
    front = corner + extent * [[0, 1, 1], [0, 0, 0]]  # the upper left and lower right corners, as the camera sees them
    pixels, depth = rig.project(front)
    (left, top), (right, bottom) = pixels.round().astype(int)
    texture = rng.integers(0, 120, (bottom - top, right - left, 3))
    for folder, shift in (("image_2", 0), ("image_3", round(64 * 0.5 / depth[0]))):
        image = np.full((*IMAGE_SIZE, 3), (230, 200, 170))
        image[IMAGE_SIZE[0] // 2 :] = 90
        columns = np.arange(left - shift, right - shift)
        rows = np.arange(top, bottom)
        inside = (columns >= 0) & (columns < IMAGE_SIZE[1])
        low = (rows >= 0) & (rows < IMAGE_SIZE[0])
        image[np.ix_(rows[low], columns[inside])] = texture[low][:, inside]
        cv2.imwrite(str(path / folder / file), image.astype(np.uint8))


def _write_points(path: Path, i: int, corner: np.ndarray, extent: np.ndarray, rng: np.random.Generator) -> None:
    wall = corner + extent * rng.uniform((0, 0, 0), (0.02, 1, 1), (300, 3))
    road = rng.uniform((1, -6, -1.9), (12, 6, -1.7), (600, 3))
    points = np.column_stack([np.concatenate([wall, road]), rng.uniform(0, 1, 900)]).astype(np.float32)
    points.tofile(path / "velodyne" / f"{i:06d}.bin")
    np.repeat(np.array([BUILDING, ROAD], np.uint32), [300, 600]).tofile(path / "labels" / f"{i:06d}.label")


class Interrupt(Callback):
    """Fails before the given optimiser step, as a killed process would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise RuntimeError("interrupted")
