"""VLScene whose measured voxels know what the image shows of them."""

from __future__ import annotations

from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.depth.camera_aware import camera_vector
from ssc_ros.networks.heads.labelled import LabelledVoxels
from ssc_ros.networks.lift.frustum import depth_density
from ssc_ros.systems.labelled import FrozenSegmenter, label_points
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class SegmentedPair(SceneNetwork):
    """Context, depth and classes of the pair, whose left image a frozen segmenter has looked at.

    Args:
        spec: of the whole system.
        segmenter: image -> features and class logits.
        matcher: normalised image -> features for matching.
        mono, stereo, interaction: as of `StereoBranch`.
    """

    completes = False

    def __init__(
        self,
        spec: InputSpec,
        *,
        segmenter: FrozenSegmenter,
        matcher: nn.Module,
        mono: nn.Module,
        stereo: nn.Module,
        interaction: nn.Module,
    ) -> None:
        super().__init__(spec, segmenter.class_count)
        self.segmenter, self.matcher = segmenter, matcher
        self.mono, self.stereo, self.interaction = mono, stereo, interaction
        self.normalize = ImageNormalization(spec.mean, spec.std)

    def look(self, inputs: SceneInputs) -> tuple[Tensor, Tensor, Tensor]:
        """[B, C, h, w] context, [B, D, h, w] depth logits and [B, classes, h, w] class logits."""
        projection = inputs["projection"]
        ours, theirs, context, mono, classes = self.see(inputs["image"], inputs["right"], projection)
        stereo = self.stereo(ours, theirs, projection, inputs["focal_baseline"])
        return context, self.interaction(mono, stereo), classes

    @dense
    def see(self, left: Tensor, right: Tensor, projection: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Both images' features for matching, the left one's context, its depth logits and its class logits."""
        features, classes = self.segmenter(left)
        ours, theirs = self.matcher(self.normalize(left)), self.matcher(self.normalize(right))
        context, mono = self.mono(features, camera_vector(projection, self.spec.image_size))
        return ours, theirs, context, mono, classes

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict depth and classes of the image cells; there is no scene."""
        context, depth, classes = self.look(inputs)
        return SceneOutput(None, depth, classes, {"image.context": context})


class LabelledVlScene(SceneNetwork):
    """The network of `VlScene`; what is measured joins between its entry and the propagation.

    Args:
        image: context, depth and classes.
        lift, entry, propagation, semantics, head: as of `VlScene`.
        label: classes of cells -> what measured voxels add to the volume and to the scene.
    """

    def __init__(
        self,
        image: SegmentedPair,
        *,
        lift: nn.Module,
        entry: nn.Module,
        label: LabelledVoxels,
        propagation: nn.Module,
        semantics: nn.Module,
        head: nn.Module,
    ) -> None:
        super().__init__(image.spec, image.class_count)
        self.image, self.lift, self.entry, self.label = image, lift, entry, label
        self.propagation, self.semantics, self.head = propagation, semantics, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        context, depth, classes = self.image.look(inputs)
        lifted = self.lift(context, depth_density(depth), inputs["projection"])
        labelled = label_points(self.label, classes, inputs)
        volume = self.semantics(self.propagate(lifted, self.label.volume(labelled, len(lifted))))
        scene = self.label.added_to(self.head(volume), labelled)
        return SceneOutput(scene, depth, taps={"image.context": context, "volume": volume})

    @dense
    def propagate(self, lifted: Tensor, labelled: Tensor) -> Tensor:
        """NGP of the lifted volume, with what the labels of its voxels add."""
        volume: Tensor = self.propagation(self.entry(lifted) + labelled.to(lifted))
        return volume
