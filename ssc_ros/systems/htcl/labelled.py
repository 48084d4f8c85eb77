"""HTCL whose measured voxels know what the images, the past ones too, show of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.dense import dense
from ssc_ros.networks.heads.labelled import LabelledRows, LabelledVoxels
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import Arrange
from ssc_ros.networks.lift.frustum import depth_density
from ssc_ros.systems.htcl.network import TemporalContext
from ssc_ros.systems.labelled import (
    WORSE,
    FrozenSegmenter,
    class_probabilities,
    label_points,
    measured_children,
    measured_depth,
)
from ssc_ros.systems.past import past_memory
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput

PAST = 2
"""Number of the sensor that past pairs are."""


class LabelledHtcl(SceneNetwork):
    """The network of `Htcl` with its temporal context; points of past frames keep the classes of their own images.

    The memory of a frame is what is swept of it, and below that the class logits of its cells.

    Args:
        spec, depth, lift, trunk, temporal, head, arrange: as of `Htcl`.
        segmenter: image -> features and class logits.
        label: classes of cells -> what measured voxels add to the volume and to the scene.
        fuse: volume, measured parts of its voxels and what their classes add -> volume.
        kept: channels of what is swept of a frame.
    """

    def __init__(
        self,
        spec: InputSpec,
        *,
        segmenter: FrozenSegmenter,
        depth: nn.Module,
        lift: nn.Module,
        label: LabelledVoxels,
        fuse: nn.Module,
        trunk: nn.Module,
        temporal: TemporalContext,
        head: nn.Module,
        arrange: Arrange,
        kept: int,
    ) -> None:
        super().__init__(spec, segmenter.class_count)
        self.segmenter, self.depth, self.lift, self.label, self.fuse = segmenter, depth, lift, label, fuse
        self.trunk, self.temporal, self.head, self.arrange, self.kept = trunk, temporal, head, arrange, kept

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        projection = inputs["projection"]
        features, classes = self.see(inputs["image"])
        context, depth = self.estimate(features, measured_depth(inputs), projection)
        matched = self.temporal.matching(features)
        memory = past_memory(inputs, self._remembered).to(matched)
        labelled = [*label_points(self.label, classes, inputs), self._label_past(memory, inputs)]
        # the current volume, and that of the past
        volume = self.lift(context, depth_density(depth), projection)
        children = torch.cat([measured_children(inputs), inputs["past_voxels"]], dim=1)
        past = self.temporal.branch(
            matched, memory[:, :, : self.kept], projection, inputs["past_projection"], inputs["past_valid"]
        )
        scene, taps = self.complete_with_past(
            volume,
            self.label.volume(labelled, len(volume)),
            past,
            inputs["past_valid"].any(dim=1),
            *self.arrange(children),
        )
        head = self.head if self.temporal.head is None else self.temporal.head
        return SceneOutput(
            self.label.added_to(scene, labelled),
            depth,
            memory=self._memory(matched, classes),
            temporal=head(taps["temporal"]) if self.training else None,
        )

    def remember(self, inputs: SceneInputs) -> Tensor:
        """[B, kept + classes, h, w], what a later frame reads of this one."""
        return self._remembered(inputs["image"])

    @dense
    def see(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] uint8 -> features [B, F, h, w] and class logits [B, classes, h, w]."""
        features, classes = self.segmenter(image)
        return features, classes

    @dense
    def estimate(self, features: Tensor, measured: Tensor, projection: Tensor) -> tuple[Tensor, Tensor]:
        """Context [B, C, h, w] and depth logits [B, D, h, w] of features, and of measured depth."""
        context, depth = self.depth(features, measured, projection)
        return context, depth

    @dense
    def complete_with_past(
        self, lifted: Tensor, labelled: Tensor, past: Tensor, known: Tensor, parts: Tensor, children: Tensor
    ) -> tuple[SceneLogits, dict[str, Tensor]]:
        """The scene of a lifted volume, of what was measured and labelled in it and of the past; the past's volume."""
        temporal = self.temporal.branch.volume(past)
        volume = self.fuse(lifted, parts, labelled)
        volume = self.trunk(volume, lambda joined: self.temporal.fusion(joined, temporal=temporal, known=known))
        return self.head(volume, children), {"temporal": temporal}

    def _remembered(self, image: Tensor) -> Tensor:
        features, classes = self.see(image)
        return self._memory(self.temporal.matching(features), classes)

    def _memory(self, matched: Tensor, classes: Tensor) -> Tensor:
        return torch.cat([self.temporal.branch.remembered(matched), classes.to(matched)], dim=1)

    def _label_past(self, memory: Tensor, inputs: SceneInputs) -> LabelledRows:
        """What is known of the voxels that past pairs have measured; all past images are one, below each other."""
        frames = memory.shape[1]
        logits = memory[:, :, self.kept :].flatten(0, 1)
        worse = {key: x.repeat_interleave(frames, 0) for key, x in inputs.items() if key in WORSE}
        seen = class_probabilities(logits, worse).unflatten(0, (-1, frames))
        return self.label(seen.movedim(2, 1).flatten(2, 3), inputs["past_sightings"], PAST)
