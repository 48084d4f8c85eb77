"""VLScene (Wang et al., AAAI 2025): what is deployed of it; a vision-language teacher guides its training."""

from __future__ import annotations

from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.depth.camera_aware import camera_vector
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.lift.frustum import depth_density
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class StereoBranch(SceneNetwork):
    """Context and depth of the pair: what can be trained by itself, on depth and under the language teacher.

    A linear probe tells the classes of image cells from the context. It learns from it and does not change it, so that
    its score says what the features know.

    Args:
        spec: of the whole system; of the pair it reads the right image and `focal_baseline`.
        classes: of the probe, and of the scene where the branch is part of a system.
        context: C.
        pair: two normalised images -> features of the left one for context, and of both for matching.
        mono: features and camera vector -> context [B, C, h, w] and depth logits [B, D, h, w].
        stereo: features of both, projection and `focal_baseline` -> depth logits [B, D, h, w].
        interaction: both depths -> logits [B, D, h, w].
    """

    completes = False

    def __init__(
        self,
        spec: InputSpec,
        classes: int,
        context: int,
        *,
        pair: nn.Module,
        mono: nn.Module,
        stereo: nn.Module,
        interaction: nn.Module,
    ) -> None:
        super().__init__(spec, classes)
        self.pair, self.mono, self.stereo, self.interaction = pair, mono, stereo, interaction
        self.probe = nn.Conv2d(context, classes, 1)
        self.normalize = ImageNormalization(spec.mean, spec.std)

    def context_and_depth(self, inputs: SceneInputs) -> tuple[Tensor, Tensor]:
        """[B, C, h, w] context and [B, D, h, w] depth logits."""
        projection = inputs["projection"]
        ours, theirs, context, mono = self.see(inputs["image"], inputs["right"], projection)
        stereo = self.stereo(ours, theirs, projection, inputs["focal_baseline"])
        return context, self.interaction(mono, stereo)

    @dense
    def see(self, left: Tensor, right: Tensor, projection: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Both images' features for matching, the left one's context and its depth logits."""
        features, ours, theirs = self.pair(self.normalize(left), self.normalize(right))
        context, mono = self.mono(features, camera_vector(projection, self.spec.image_size))
        return ours, theirs, context, mono

    def probed(self, context: Tensor) -> Tensor:
        """[B, classes, h, w] logits, by the probe; it does not change the context."""
        classes: Tensor = self.probe(context.detach())
        return classes

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict depth and classes of the image cells; there is no scene."""
        context, depth = self.context_and_depth(inputs)
        return SceneOutput(None, depth, self.probed(context), {"image.context": context})


class VlScene(SceneNetwork):
    """The network, as figure 2 of the paper reads from left to right.

    Args:
        image: context and depth.
        lift: context, density of the depth and projection -> volume.
        entry: volume -> volume, to the channels of what follows.
        propagation: neighbourhood geometry propagation (NGP) of that volume; may be absent.
        semantics: sparse semantic interaction (SSI) on that volume; may be absent.
        head: volume -> scene logits.
    """

    def __init__(
        self,
        image: StereoBranch,
        *,
        lift: nn.Module,
        entry: nn.Module,
        propagation: nn.Module | None,
        semantics: nn.Module | None,
        head: nn.Module,
    ) -> None:
        super().__init__(image.spec, image.class_count)
        self.image, self.lift, self.entry = image, lift, entry
        self.propagation, self.semantics, self.head = propagation, semantics, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        context, depth = self.image.context_and_depth(inputs)
        volume = self.lift(context, depth_density(depth), inputs["projection"])
        volume = self.propagate(volume)
        volume = volume if self.semantics is None else self.semantics(volume)
        scene = self.complete(volume)
        classes = self.image.probed(context) if self.training else None
        return SceneOutput(scene, depth, classes, {"image.context": context, "volume": volume})

    @dense
    def propagate(self, lifted: Tensor) -> Tensor:
        """NGP: the lifted volume with the channels of what follows, and with its neighbourhood where that is seen."""
        volume = self.entry(lifted)
        return volume if self.propagation is None else self.propagation(volume)

    @dense
    def complete(self, volume: Tensor) -> SceneLogits:
        """The head: a volume -> the scene."""
        scene: SceneLogits = self.head(volume)
        return scene
