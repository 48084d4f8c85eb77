"""HTCL (Li et al., Hierarchical temporal context learning, ECCV 2024), by poses that are measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.depth.camera_aware import CameraAwareDepth, camera_vector
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import Arrange, as_they_are
from ssc_ros.networks.lift.frustum import depth_density
from ssc_ros.networks.temporal.branch import HistoryMean, TemporalBranch
from ssc_ros.networks.temporal.fusion import TemporalFusion
from ssc_ros.networks.volume.coarsened import Coarsened
from ssc_ros.systems.past import past_memory
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class PairMatcher(nn.Module):
    """Depth by matching the pair, with features of its own.

    Args:
        features: [B, 3, H, W] -> [B, F, h', w'].
        volume: features of both images, projection and `focal_baseline` -> depth logits [B, D, h, w].
    """

    def __init__(self, features: nn.Module, volume: nn.Module) -> None:
        super().__init__()
        self.features, self.volume = features, volume

    def forward(self, left: Tensor, right: Tensor, projection: Tensor, focal_baseline: Tensor) -> Tensor:
        """Match two [B, 3, H, W]."""
        ours, theirs = self.features(torch.cat([left, right])).chunk(2)
        logits: Tensor = self.volume(ours, theirs, projection, focal_baseline)
        return logits


class MatchedDepth(nn.Module):
    """Context, and the depth that one image and the matched pair agree upon.

    Args:
        mono: features and camera vector -> context and depth logits.
        interaction: depth logits of the image and of the pair -> depth logits.
        image_size: (height, width) [px] of the image that the projection refers to.
    """

    def __init__(self, mono: CameraAwareDepth, interaction: nn.Module, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.mono, self.interaction, self.image_size = mono, interaction, image_size

    def forward(self, features: Tensor, stereo: Tensor, projection: Tensor) -> tuple[Tensor, Tensor]:
        """[B, F, h, w], [B, D, h, w] logits and [B, 3, 4] -> context [B, C, h, w] and depth logits [B, D, h, w]."""
        context, mono = self.mono(features, camera_vector(projection, self.image_size))
        return context, self.interaction(mono, stereo)


def _alone(volume: Tensor) -> Tensor:
    """Join nothing."""
    return volume


class Trunk(nn.Module):
    """Backbone and neck.

    Args:
        backbone: [B, C, X, Y, Z] -> pyramid.
        neck: pyramid -> [B, D, X, Y, Z].
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck

    def forward(self, volume: Tensor, join: Callable[[Tensor], Tensor] = _alone) -> Tensor:
        """Apply both, and then `join`, which takes what the neck makes."""
        return join(self.neck(self.backbone(volume)))


class TemporalContext(nn.Module):
    """All that a network of past frames has beyond one of single frames.

    Args:
        matching: [B, F, h, w] image features, or the image [B, 3, H, W] itself -> [B, M, h', w'] to be compared.
        branch: of these and what is remembered of the past -> volume, which it convolves later.
        fusion: of that volume with the current one.
        head: scene logits of the temporal volume alone, in training; None: the network's head.
        of_image: whether `matching` looks at the image itself.
    """

    def __init__(
        self,
        matching: nn.Module,
        branch: TemporalBranch | HistoryMean,
        fusion: TemporalFusion,
        head: nn.Module | None = None,
        *,
        of_image: bool = False,
    ) -> None:
        super().__init__()
        self.matching, self.branch, self.fusion, self.head, self.of_image = matching, branch, fusion, head, of_image


class Htcl(SceneNetwork):
    """The network; the figure of the framework has the temporal context below, and all else from left to right.

    Where its spec asks for it, what past pairs have measured joins what this one has.

    Args:
        spec: how frames must be prepared for it.
        classes: of the scene.
        encoder: [B, 3, H, W] -> [B, F, h, w].
        matcher: of the pair; None: the depth network reads `stereo_depth` instead.
        depth: features, stereo (of the matcher, or measured) and projection -> context [B, C, h, w] and depth logits.
        lift: context, density of the depth and projection -> volume.
        fuse: volume and measured parts of its voxels -> volume; the published form has none.
        trunk: volume, and what else is done to what its neck makes (the fusion) -> volume.
        temporal: of past frames; a network of single frames has none.
        head: volume, and what `arrange` has for it -> scene logits.
        arrange: measured children, for `fuse` and the head; a network without `fuse` does not read them.
    """

    def __init__(
        self,
        spec: InputSpec,
        classes: int,
        *,
        encoder: nn.Module,
        matcher: PairMatcher | None,
        depth: nn.Module,
        lift: nn.Module,
        fuse: nn.Module | None,
        trunk: Trunk | Coarsened,
        temporal: TemporalContext | None,
        head: nn.Module,
        arrange: Arrange = as_they_are,
    ) -> None:
        super().__init__(spec, classes)
        self.encoder, self.matcher, self.depth, self.lift, self.fuse = encoder, matcher, depth, lift, fuse
        self.trunk, self.temporal, self.head, self.arrange = trunk, temporal, head, arrange
        self.normalize = ImageNormalization(spec.mean, spec.std)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`. The memory of a frame is what is swept of it."""
        image, projection = self.normalize(inputs["image"]), inputs["projection"]
        features = self.encode(image)
        context, depth = self.estimate(features, self._match_pair(image, inputs), projection)
        volume = self.lift(context, depth_density(depth), projection)
        measured = () if self.fuse is None else self._measured(inputs)
        if self.temporal is None:
            return SceneOutput(self.complete(volume, *measured), depth)
        matched = self.temporal.matching(image if self.temporal.of_image else features)
        past = self._look_back(self.temporal, matched, inputs)
        scene, taps = self.complete_with_past(volume, past, inputs["past_valid"].any(dim=1), *measured)
        head = self.head if self.temporal.head is None else self.temporal.head
        return SceneOutput(
            scene,
            depth,
            memory=self.temporal.branch.remembered(matched),
            temporal=head(taps["temporal"]) if self.training else None,
        )

    def remember(self, inputs: SceneInputs) -> Tensor | None:
        """[B, kept, h', w'], what a later frame compares itself with; see `SceneNetwork`."""
        return None if self.temporal is None else self._remembered(self.temporal, inputs["image"])

    @dense
    def encode(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] normalised -> [B, F, h, w]."""
        features: Tensor = self.encoder(image)
        return features

    def _match_pair(self, image: Tensor, inputs: SceneInputs) -> Tensor:
        """What the pair says of depth: logits [B, D, h, w], or measured [B, h, w] [m]."""
        if self.matcher is None:
            return inputs["stereo_depth"]
        right = self.normalize(inputs["right"])
        logits: Tensor = self.matcher(image, right, inputs["projection"], inputs["focal_baseline"])
        return logits

    @dense
    def estimate(self, features: Tensor, stereo: Tensor, projection: Tensor) -> tuple[Tensor, Tensor]:
        """Context [B, C, h, w] and depth logits [B, D, h, w] of features, and of what the pair says of depth."""
        context, depth = self.depth(features, stereo, projection)
        return context, depth

    def _measured(self, inputs: SceneInputs) -> tuple[Tensor, ...]:
        """Where this pair, and perhaps a past one, has seen a point: what `fuse` is given, and what the head is."""
        now = inputs["stereo_voxels"]
        return self.arrange(torch.cat([now, inputs["past_voxels"]], dim=1) if self.spec.history.measured else now)

    def _look_back(self, temporal: TemporalContext, matched: Tensor, inputs: SceneInputs) -> Tensor:
        """Affinity and refinement: the past frames, compared with this one and lifted; see `TemporalBranch`."""
        memory = past_memory(inputs, partial(self._remembered, temporal)).to(matched)
        lifted: Tensor = temporal.branch(
            matched, memory, inputs["projection"], inputs["past_projection"], inputs["past_valid"]
        )
        return lifted

    def _remembered(self, temporal: TemporalContext, image: Tensor) -> Tensor:
        """[B, 3, H, W] uint8 -> the memory of a frame."""
        image = self.normalize(image)
        return temporal.branch.remembered(temporal.matching(image if temporal.of_image else self.encode(image)))

    @dense
    def complete(self, lifted: Tensor, *measured: Tensor) -> SceneLogits:
        """The scene of a lifted volume without past; of what was measured see `_measured`."""
        return self._scene(lifted, measured, _alone)

    @dense
    def complete_with_past(
        self, lifted: Tensor, past: Tensor, known: Tensor, *measured: Tensor
    ) -> tuple[SceneLogits, dict[str, Tensor]]:
        """The same, joined by what `branch` has lifted of the past (see `TemporalFusion`); the volume of the past."""
        assert self.temporal is not None
        temporal = self.temporal.branch.volume(past)
        fusion = partial(self.temporal.fusion, temporal=temporal, known=known)
        return self._scene(lifted, measured, fusion), {"temporal": temporal}

    def _scene(self, lifted: Tensor, measured: Sequence[Tensor], join: Callable[[Tensor], Tensor]) -> SceneLogits:
        """Trunk and head, with what was measured; `join` is done to what the trunk's neck makes."""
        volume = lifted if self.fuse is None else self.fuse(lifted, measured[0])
        scene: SceneLogits = self.head(self.trunk(volume, join), *measured[1:])
        return scene
