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
"""Kernels of the convolutions that end each way up."""
STRIDES: Sequence[Triple] = (HALF, HALF, (2, 2, 1), (2, 2, 1))
"""Of the ways down: the last two keep the heights."""


def full() -> Cylinder3d:
    """As published: 480 x 360 x 32 cells."""
    unet = SparseUNet(in_channels=16, widths=(32, 64, 128, 256, 512), paths=CROSSED, exits=EXIT, strides=STRIDES)
    encoder = PolarPointEncoder(widths=(64, 128, 256, 256), out_channels=16)
    return Cylinder3d(FULL, CLASSES, encoder=encoder, unet=unet)


def edge() -> Cylinder3d:
    """Narrower, on the cells of PolarNet's `edge`."""
    unet = SparseUNet(in_channels=16, widths=(16, 24, 32, 48, 64), paths=CROSSED, exits=EXIT, strides=STRIDES)
    encoder = PolarPointEncoder(widths=(32, 64), out_channels=16)
    return Cylinder3d(EDGE, CLASSES, encoder=encoder, unet=unet)


PRESETS: dict[str, Callable[[], Cylinder3d]] = {"edge": edge, "full": full}
