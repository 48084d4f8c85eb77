"""Cylinder3D (Zhu et al., CVPR 2021): PolarNet's partition with its heights kept, on the occupied cells alone."""

from __future__ import annotations

from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.lidar.polar_cells import polar_cells
from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder
from ssc_ros.networks.sparse.conv import SubmanifoldConv3d
from ssc_ros.networks.sparse.pool import height_max
from ssc_ros.networks.sparse.unet import SparseUNet
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class Cylinder3d(SceneNetwork):
    """Points -> cells -> an asymmetrical U-Net on them -> their classes.

    Args:
        spec: has a polar grid.
        classes: "unlabelled" included.
        encoder: of the points of each cell.
        unet: on the cells.
    """

    completes = False

    def __init__(self, spec: InputSpec, classes: int, encoder: PolarPointEncoder, unet: SparseUNet) -> None:
        super().__init__(spec, classes)
        self.grid = spec.polar_grid
        self.encoder, self.unet = encoder, unet
        self.head = SubmanifoldConv3d(unet.out_channels, classes)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict the classes of points; taps `bird.*` are maps [B, C, range, azimuth], the maxima over the heights."""
        cells = polar_cells(inputs["cloud"], self.grid)
        encoded = self.encoder(cells, cells.cell, len(cells.cells))
        downs, ups = self.unet.stages(SparseVolume(encoded, cells.cells))
        logits = self.head(self.unet.gated(ups[0])).features
        taps = {f"bird.down{i}": height_max(x) for i, x in enumerate(downs, 1)}
        taps |= {f"bird.up{i}": height_max(x) for i, x in enumerate(ups)}
        return SceneOutput(None, points=PointLogits(logits, cells.cells, cells.rows), taps=taps)
