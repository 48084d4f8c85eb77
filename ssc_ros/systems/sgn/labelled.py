"""SGN whose seeds know what the image shows of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.dense import dense
from ssc_ros.networks.guidance.semantic import SemanticGuidance
from ssc_ros.networks.heads.labelled import LabelledVoxels
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.systems.labelled import FrozenSegmenter, label_points
from ssc_ros.systems.sgn.network import GeometryGuidance, Sgn
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneOutput


class LabelledSgn(Sgn):
    """Single frames; points of LiDAR, where there are any, are points like those of stereo.

    Args:
        spec, lift, bottleneck, geometry, semantics, diffusion, head: as of `Sgn`.
        segmenter: image -> features and class logits.
        reduce: of those features, to the channels that are lifted.
        label: classes of cells -> what measured voxels add to the volume, where seeds are chosen, and to the scene.
    """

    def __init__(
        self,
        spec: InputSpec,
        *,
        segmenter: FrozenSegmenter,
        reduce: nn.Module,
        lift: LineOfSightLift,
        bottleneck: nn.Module,
        label: LabelledVoxels,
        geometry: GeometryGuidance | None,
        semantics: SemanticGuidance | None,
        diffusion: nn.Module,
        head: nn.Module,
    ) -> None:
        super().__init__(
            spec,
            segmenter.class_count,
            encoder=reduce,
            lift=lift,
            bottleneck=bottleneck,
            geometry=geometry,
            semantics=semantics,
            diffusion=diffusion,
            head=head,
        )
        self.segmenter, self.label = segmenter, label

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        features, classes = self.see(inputs["image"])
        seen = torch.ones(len(features), 1, dtype=torch.bool, device=features.device)
        volume = self.convolve(self.lift(features[:, None], inputs["projection"][:, None], seen))
        labelled = label_points(self.label, classes, inputs)
        volume = volume + self.label.volume(labelled, len(volume)).to(volume)
        points = torch.cat([inputs["stereo_points"], inputs["points"][..., :3]], dim=1)
        candidates, guides, occupancy = self._guide_geometry(volume, points)
        volume, seeds = self._guide_semantics(volume, candidates)
        scene = self.label.added_to(self.complete(volume, *guides), labelled)
        return SceneOutput(scene, occupancy=occupancy, seeds=seeds)

    @dense
    def see(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] uint8 -> features [B, C, h, w] to lift, and class logits [B, classes, h, w]."""
        features, classes = self.segmenter(image)
        return self.encoder(features), classes
