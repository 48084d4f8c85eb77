"""PolarNet and Cylinder3D in the smallest size that still learns, on 16 x 32 x 8 cells."""

from __future__ import annotations

from ssc_ros.core import LIDAR, SEMANTIC_KITTI, PolarGrid
from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder
from ssc_ros.networks.lidar.ring_unet import RingUNet
from ssc_ros.networks.sparse.unet import SparseUNet
from ssc_ros.systems import InputSpec
from ssc_ros.systems.cylinder3d.network import Cylinder3d
from ssc_ros.systems.cylinder3d.presets import CROSSED, EXIT, STRIDES
from ssc_ros.systems.polarnet.network import PolarNet

GRID = PolarGrid((16, 32, 8), (1.0, 13.0), (-2.2, 1.4))
SPEC = InputSpec(sensors=(LIDAR,), pair=(), sweep=("cloud",), polar=GRID)
CLASSES = len(SEMANTIC_KITTI)


def polarnet(spec: InputSpec = SPEC) -> PolarNet:
    return PolarNet(spec, CLASSES, PolarPointEncoder((8, 8), 8), RingUNet(8, (8, 8, 8, 8, 8), (8, 8, 8, 8)), 8)


def cylinder3d() -> Cylinder3d:
    unet = SparseUNet(8, (8, 8, 8, 8, 8), CROSSED, EXIT, STRIDES)
    return Cylinder3d(SPEC, CLASSES, PolarPointEncoder((8, 8), 8), unet)
