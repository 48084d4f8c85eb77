"""Sizes of Cylinder3D: `full` as published, `edge` the teacher of PolarNet's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder
from ssc_ros.networks.sparse.sites import Triple
from ssc_ros.networks.sparse.unet import ACROSS, ALONG, CUBE, HALF, SparseUNet
from ssc_ros.systems.cylinder3d.network import Cylinder3d
from ssc_ros.systems.polarnet.presets import CLASSES, EDGE, FULL

CROSSED = (ALONG, ACROSS), (ACROSS, ALONG)
"""Kernels of the two paths of a block."""
EXIT = ALONG, ACROSS, CUBE
STRIDES: Sequence[Triple] = (HALF, HALF, (2, 2, 1), (2, 2, 1))
"""Of the ways down: the last two keep the heights."""


def full() -> Cylinder3d:
    """As published: 480 x 360 x 32 cells."""
    unet = SparseUNet(16, (32, 64, 128, 256, 512), CROSSED, EXIT, STRIDES)
    return Cylinder3d(FULL, CLASSES, PolarPointEncoder((64, 128, 256, 256), 16), unet)


def edge() -> Cylinder3d:
    """Narrower, on the cells of PolarNet's `edge`."""
    unet = SparseUNet(16, (16, 24, 32, 48, 64), CROSSED, EXIT, STRIDES)
    return Cylinder3d(EDGE, CLASSES, PolarPointEncoder((32, 64), 16), unet)


PRESETS: dict[str, Callable[[], Cylinder3d]] = {"edge": edge, "full": full}
