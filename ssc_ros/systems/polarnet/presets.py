"""Sizes of PolarNet: `full` as published with its distillation, `edge` for two CPU cores."""

from __future__ import annotations

from collections.abc import Callable

from ssc_ros.core import LIDAR, SEMANTIC_KITTI, PolarGrid
from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder
from ssc_ros.networks.lidar.ring_unet import RingUNet
from ssc_ros.systems.polarnet.network import PolarNet
from ssc_ros.systems.spec import InputSpec

FULL = InputSpec(sensors=(LIDAR,), pair=(), sweep=("cloud",), polar=PolarGrid())
EDGE = InputSpec(sensors=(LIDAR,), pair=(), sweep=("cloud",), polar=PolarGrid(shape=(192, 192, 16)))
CLASSES = len(SEMANTIC_KITTI)


def full() -> PolarNet:
    """As published: 480 x 360 x 32 cells."""
    return PolarNet(
        FULL,
        CLASSES,
        encoder=PolarPointEncoder(widths=(64, 128, 256, 512), out_channels=32),
        unet=RingUNet(in_channels=32, widths=(64, 128, 256, 512, 512), ups=(64, 64, 128, 256), drop=0.5),
        features=64,
    )


def edge() -> PolarNet:
    """192 x 192 x 16 cells, of 0.24 m, 1.9 degrees and 0.28 m."""
    return PolarNet(
        EDGE,
        CLASSES,
        encoder=PolarPointEncoder(widths=(16, 32), out_channels=16),
        unet=RingUNet(in_channels=16, widths=(32, 48, 64, 96, 96), ups=(32, 32, 48, 64)),
        features=32,
    )


PRESETS: dict[str, Callable[[], PolarNet]] = {"edge": edge, "full": full}
