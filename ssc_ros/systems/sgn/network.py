"""SGN (Mei et al., Camera-based 3D semantic scene completion with sparse guidance network, IEEE TIP 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.guidance.geometry import GeometryHead, ProposalNetwork
from ssc_ros.networks.guidance.points import measured_voxels
from ssc_ros.networks.guidance.semantic import SemanticGuidance, choose_seeds
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.systems.past import past_memory
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput, VoxelLogits


class GeometryGuidance(nn.Module):
    """What is occupied: learnt by the lifted features, and proposed by a network of points.

    Args:
        head: of the lifted features; read by supervision alone.
        proposals: from points.
    """

    def __init__(self, head: GeometryHead, proposals: ProposalNetwork) -> None:
        super().__init__()
        self.head, self.proposals = head, proposals

    def forward(self, volume: Tensor, points: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Proposed voxels [B, X, Y, Z] bool, channels that guide [B, G, X, Y, Z], and logits for supervision."""
        logits, guidance = self.proposals(points)
        occupancy = {"lifted": self.head(volume), "proposed": logits} if self.training else {}
        return logits.detach() > 0, guidance, occupancy


class Sgn(SceneNetwork):
    """Dense, sparse, dense, as the paper's figure of the framework reads from left to right.

    Frames of the past are images like the current one; points are those of all frames. A guidance that is None is
    not there: without geometry the seeds are the voxels that hold a point, without semantics there are no seeds.

    Args:
        spec: reads `stereo_points`, and past frames if it says so.
        classes: how many are told apart.
        encoder: [B, 3, H, W] -> [B, C, h, w].
        lift: of the features of all frames into the volume.
        bottleneck: [B, C, X, Y, Z] -> the same.
        geometry, semantics: the two kinds of guidance.
        diffusion: [B, C + G, X, Y, Z] -> [B, D, X, Y, Z].
        head: [B, D, X, Y, Z] -> logits.
    """

    def __init__(
        self,
        spec: InputSpec,
        classes: int,
        *,
        encoder: nn.Module,
        lift: LineOfSightLift,
        bottleneck: nn.Module,
        geometry: GeometryGuidance | None,
        semantics: SemanticGuidance | None,
        diffusion: nn.Module,
        head: nn.Module,
    ) -> None:
        super().__init__(spec, classes)
        self.encoder, self.lift, self.bottleneck = encoder, lift, bottleneck
        self.geometry, self.semantics = geometry, semantics
        self.diffusion, self.head = diffusion, head
        self.volume_grid = spec.grid.coarsened(2)
        self.normalize = ImageNormalization(spec.mean, spec.std)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`. The memory of a frame is its [B, C, h, w] features."""
        features, projections, valid = self._encode_frames(inputs)
        volume = self.convolve(self.lift(features, projections, valid))
        candidates, guides, occupancy = self._guide_geometry(volume, inputs["stereo_points"])
        volume, seeds = self._guide_semantics(volume, candidates)
        scene = self.complete(volume, *guides)
        memory = features[:, 0] if self.spec.history.count else None
        return SceneOutput(scene, memory=memory, occupancy=occupancy, seeds=seeds)

    def remember(self, inputs: SceneInputs) -> Tensor | None:
        """[B, C, h, w] features of the image; see `SceneNetwork`."""
        return self.encode(inputs["image"]) if self.spec.history.count else None

    def _encode_frames(self, inputs: SceneInputs) -> tuple[Tensor, Tensor, Tensor]:
        """Features [B, F, C, h, w], projections [B, F, 3, 4], validity [B, F] of all frames, the current one first."""
        features, projections = self.encode(inputs["image"])[:, None], inputs["projection"][:, None]
        valid = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        if not self.spec.history.count:
            return features, projections, valid
        past = past_memory(inputs, self.encode).to(features)
        return (
            torch.cat([features, past], dim=1),
            torch.cat([projections, inputs["past_projection"]], dim=1),
            torch.cat([valid, inputs["past_valid"]], dim=1),
        )

    @dense
    def encode(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] uint8 -> [B, C, h, w]."""
        features: Tensor = self.encoder(self.normalize(image))
        return features

    @dense
    def convolve(self, lifted: Tensor) -> Tensor:
        """The bottleneck: [B, C, X, Y, Z] -> the same."""
        volume: Tensor = self.bottleneck(lifted)
        return volume

    def _guide_geometry(
        self, volume: Tensor, points: Tensor
    ) -> tuple[Sequence[Tensor], Sequence[Tensor], dict[str, Tensor]]:
        """Geometry guidance.

        Returns:
            Candidates for seeds [B, X, Y, Z] bool, of which later ones count where the first has too few; guides of the
            diffusion [B, G, X, Y, Z]; occupancy logits for supervision.
        """
        measured = measured_voxels(points, self.volume_grid)
        if self.geometry is None:
            return [measured], [], {}
        proposed, guidance, occupancy = self.geometry(volume, points)
        return [proposed, measured], [guidance], occupancy

    def _guide_semantics(self, volume: Tensor, candidates: Sequence[Tensor]) -> tuple[Tensor, VoxelLogits | None]:
        """Semantic guidance: the volume with refined seeds, and their classes in training."""
        if self.semantics is None:
            return volume, None
        volume, refined = self.semantics(volume, choose_seeds(*candidates))
        if not self.training:
            return volume, None
        return volume, VoxelLogits(self.semantics.classes(refined.features), refined.sites.cells)

    @dense
    def complete(self, volume: Tensor, *guides: Tensor) -> SceneLogits:
        """Diffusion and head: a volume and its guides -> the scene."""
        diffused = self.diffusion(torch.cat([volume, *(guide.to(volume) for guide in guides)], dim=1))
        scene: SceneLogits = self.head(diffused)
        return scene
