"""PolarNet (Zhang et al., CVPR 2020): a sweep seen from above in polar cells, and a class for each of its points."""

from __future__ import annotations

from torch import nn

from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.lidar.polar_cells import polar_cells
from ssc_ros.networks.lidar.polar_encoder import PolarPointEncoder
from ssc_ros.networks.lidar.ring_unet import RingUNet
from ssc_ros.networks.sparse.pool import height_max
from ssc_ros.networks.sparse.volume import SparseVolume
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class PolarNet(SceneNetwork):
    """Points -> pillars -> a map of range and azimuth -> classes of all heights of a pillar.

    Args:
        spec: has a polar grid.
        classes: "unlabelled" included.
        encoder: of the points of each pillar.
        unet: on the map.
        features: channels that it ends with.
    """

    completes = False

    def __init__(
        self, spec: InputSpec, classes: int, encoder: PolarPointEncoder, unet: RingUNet, features: int
    ) -> None:
        super().__init__(spec, classes)
        self.grid = spec.polar_grid
        self.encoder, self.unet = encoder, unet
        self.head = nn.Linear(features, self.grid.shape[2] * classes)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict the classes of points; taps `bird.*` are maps [B, C, range, azimuth]."""
        cells = polar_cells(inputs["cloud"], self.grid)
        pillars = cells.pillars
        encoded = self.encoder(cells, cells.pillar[cells.cell], len(pillars))
        downs, ups = self.unet(height_max(SparseVolume(encoded, pillars)))
        seen = SparseVolume.at(ups[0][..., None], pillars).features
        # classes of all heights of the occupied pillars, then of the occupied cells alone
        columns = self.head(seen).unflatten(1, (self.grid.shape[2], self.class_count))
        logits = columns[cells.pillar, cells.cells.cells % self.grid.shape[2]]
        taps = {f"bird.down{i}": x for i, x in enumerate(downs, 1)} | {f"bird.up{i}": x for i, x in enumerate(ups)}
        return SceneOutput(None, points=PointLogits(logits, cells.cells, cells.rows), taps=taps)
