"""L2COcc (Wang et al., IROS 2025, arXiv 2503.12369): camera model C, which distillation makes D, and LiDAR model L."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.frozen import Frozen
from ssc_ros.networks.heads.labelled import LabelledRows, LabelledVoxels
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import Arrange, any_occupied, as_they_are
from ssc_ros.networks.lift.frustum import depth_density
from ssc_ros.networks.lift.voxel_transformer import VoxelTransformer
from ssc_ros.networks.volume.tri_plane import TriPlane
from ssc_ros.systems.segmenter.network import Segmenter
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class ImageBranch(SceneNetwork):
    """Context and depth of the left image: what is pretrained by itself on depth and on the classes of pixels.

    Args:
        spec: of the whole system.
        encoder: [B, 3, H, W] -> [B, F, h, w].
        depth: features, stereo depth and projection -> context [B, C, h, w] and depth logits [B, D, h, w].
        context: C.
        classes: of the pixels' supervision, and of the scene where the branch is part of a system.
    """

    completes = False

    def __init__(self, spec: InputSpec, encoder: nn.Module, depth: nn.Module, context: int, classes: int) -> None:
        super().__init__(spec, classes)
        self.encoder, self.depth = encoder, depth
        self.classes = nn.Conv2d(context, classes, 1)
        self.normalize = ImageNormalization(spec.mean, spec.std)

    def context_and_depth(self, inputs: SceneInputs) -> tuple[Tensor, Tensor]:
        """[B, C, h, w] context and [B, D, h, w] depth logits."""
        context, depth = self.see(inputs["image"], inputs["stereo_depth"], inputs["projection"])
        return context, depth

    @dense
    def see(self, image: Tensor, stereo_depth: Tensor, projection: Tensor) -> tuple[Tensor, Tensor]:
        """`context_and_depth` of these inputs."""
        context, depth = self.depth(self.encoder(self.normalize(image)), stereo_depth, projection)
        return context, depth

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict depth and classes of the image cells; there is no scene."""
        context, depth = self.context_and_depth(inputs)
        return SceneOutput(None, depth, self.classes(context), {"image.context": context})


class SegmentedBranch(SceneNetwork):
    """Context, depth and classes of the left image, where a segmenter that stays as it is has looked at it.

    Args:
        spec: of the whole system.
        segmenter: [B, 3, H, W] -> features and class logits; it is never trained.
        depth: as of `ImageBranch`.
    """

    completes = False

    def __init__(self, spec: InputSpec, segmenter: Segmenter, depth: nn.Module) -> None:
        super().__init__(spec, segmenter.class_count)
        self.segmenter, self.depth = Frozen(segmenter), depth

    @dense
    def see(self, image: Tensor, stereo_depth: Tensor, projection: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, C, h, w] context, [B, D, h, w] depth logits and [B, classes, h, w] class logits."""
        with torch.no_grad():
            features, classes = self._segmenter.features_and_classes(image)
        context, depth = self.depth(features, stereo_depth, projection)
        return context, depth, classes

    @property
    def _segmenter(self) -> Segmenter:
        segmenter = self.segmenter.body
        assert isinstance(segmenter, Segmenter)
        return segmenter

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict depth and classes of the image cells; there is no scene."""
        context, depth, classes = self.see(inputs["image"], inputs["stereo_depth"], inputs["projection"])
        return SceneOutput(None, depth, classes, {"image.context": context})


class _SceneOfVolume(SceneNetwork):
    """The second half of the figure, which the camera and LiDAR models share: a volume becomes the scene.

    Both models register the three blocks behind blocks of their own. Distillation then compares like with like.

    Attributes:
        trunk: [B, C, X, Y, Z] -> the same; the paper's 3-D ResNet and FPN.
        planes: the tri-perspective view (TPV): volume -> volume, and taps.
        head: volume, and measured children where the head is a detailed one -> scene logits.
    """

    trunk: nn.Module
    planes: TriPlane
    head: nn.Module

    @dense
    def complete(self, volume: Tensor, *children: Tensor) -> tuple[SceneLogits, dict[str, Tensor]]:
        """[B, C, X, Y, Z], and the measured children for a detailed head -> the scene, and taps."""
        volume = self.trunk(volume)
        refined, taps = self.planes(volume)
        return self.head(refined, *children), {"volume": volume, **taps}


class L2Cocc(_SceneOfVolume):
    """The camera model, as figure 2 of the paper reads from left to right.

    Where its spec asks for a sweep, LiDAR points join what stereo has measured: in `fuse`, and as proposals.

    Args:
        image: context and depth.
        lift: context, density of the depth and projection -> volume.
        fuse: volume, measured parts of its voxels and perhaps their classes -> volume; the published form has none.
        transformer: the efficient voxel transformer (EVT): volume, its prior fill, proposals, context, density and
            projection -> volume.
        trunk: volume -> volume.
        planes: volume -> volume, and taps.
        head: volume, and what `arrange` has for it -> scene logits.
        arrange: measured children, for `fuse` and the head.
    """

    def __init__(
        self,
        *,
        image: ImageBranch,
        lift: nn.Module,
        fuse: nn.Module | None,
        transformer: VoxelTransformer,
        trunk: nn.Module,
        planes: TriPlane,
        head: nn.Module,
        arrange: Arrange = as_they_are,
    ) -> None:
        super().__init__(image.spec, image.class_count)
        self.image, self.lift, self.fuse, self.transformer = image, lift, fuse, transformer
        self.trunk, self.planes, self.head, self.arrange = trunk, planes, head, arrange

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        projection = inputs["projection"]
        parts, *children = self.arrange(self._measured_children(inputs))
        context, depth = self.image.context_and_depth(inputs)
        density = depth_density(depth)
        volume = self.lift(context, density, projection)
        volume, filled = self._join_measured(volume, parts, inputs)
        volume = self.transformer(volume, filled, any_occupied(parts), context, density, projection)
        scene, taps = self.complete(volume, *children)
        return SceneOutput(scene, depth, self.image.classes(context) if self.training else None, taps)

    def _measured_children(self, inputs: SceneInputs) -> Tensor:
        """[B, 8 or 16, X/2, Y/2, Z/2] uint8, the children in which stereo, and perhaps LiDAR, found a point."""
        stereo = inputs["stereo_voxels"]
        return torch.cat([stereo, inputs["lidar_voxels"]], dim=1) if "lidar_voxels" in self.spec.sweep else stereo

    def _join_measured(self, lifted: Tensor, parts: Tensor, inputs: SceneInputs) -> tuple[Tensor, Tensor]:
        """The lifted volume with what was measured in its voxels, where that is fused, and its prior fill."""
        if self.fuse is None:
            return self.fuse_and_fill(lifted)
        if "lidar_classes" not in self.spec.sweep:
            return self.fuse_and_fill(lifted, parts)
        # few voxels have a class: how much work that is depends on data, so this is no dense part
        volume = self.fuse(lifted, parts, _widened_classes(inputs["lidar_classes"], parts.shape[2]))
        return volume, self.transformer.fill(volume)

    @dense
    def fuse_and_fill(self, lifted: Tensor, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """The lifted volume, and measured parts where they are fused -> volume and its prior fill."""
        volume = lifted if self.fuse is None else self.fuse(lifted, *parts)
        return volume, self.transformer.fill(volume)


class LabelledL2Cocc(_SceneOfVolume):
    """The camera model, whose measured voxels know what the image shows of them; LiDAR points join where there are any.

    Args:
        image: context, depth and classes.
        lift: as of `L2Cocc`.
        label: classes of cells -> what measured voxels add to the volume and to the scene.
        fuse: volume, measured parts of its voxels and what their classes add -> volume.
        transformer, trunk, planes, head, arrange: as of `L2Cocc`.
    """

    def __init__(
        self,
        *,
        image: SegmentedBranch,
        lift: nn.Module,
        label: LabelledVoxels,
        fuse: nn.Module,
        transformer: VoxelTransformer,
        trunk: nn.Module,
        planes: TriPlane,
        head: nn.Module,
        arrange: Arrange,
    ) -> None:
        super().__init__(image.spec, image.class_count)
        self.image, self.lift, self.label, self.fuse, self.transformer = image, lift, label, fuse, transformer
        self.trunk, self.planes, self.head, self.arrange = trunk, planes, head, arrange

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        projection = inputs["projection"]
        parts, *children = self.arrange(torch.cat([inputs["stereo_voxels"], inputs["lidar_voxels"]], dim=1))
        context, depth, classes = self.image.see(inputs["image"], inputs["stereo_depth"], projection)
        labelled = self._labelled(class_probabilities(classes, inputs), inputs)
        density = depth_density(depth)
        volume = self.lift(context, density, projection)
        volume, filled = self.fuse_and_fill(volume, parts, self.label.volume(labelled, len(parts)))
        volume = self.transformer(volume, filled, any_occupied(parts), context, density, projection)
        scene, taps = self.complete(volume, *children)
        return SceneOutput(self.label.added_to(scene, labelled), depth, taps=taps)

    def _labelled(self, probabilities: Tensor, inputs: SceneInputs) -> list[LabelledRows]:
        """What is known of the voxels that stereo, and those that LiDAR, has measured."""
        return [
            self.label(probabilities, inputs["stereo_sightings"], 0),
            self.label(probabilities, inputs["lidar_sightings"], 1, inputs["lidar_classes"]),
        ]

    @dense
    def fuse_and_fill(self, lifted: Tensor, parts: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
        """The lifted volume, measured parts and what their classes add -> volume and its prior fill."""
        volume = self.fuse(lifted, parts, labelled)
        return volume, self.transformer.fill(volume)


TRUST = 0.9
"""Probability of the class that a class map from outside names; the other classes share the rest.

A network that is sure of each class it gives could not be outvoted, where several cells see a voxel.
"""


def class_probabilities(logits: Tensor, inputs: SceneInputs) -> Tensor:
    """Logits of image cells [B, C, h, w] -> probabilities.

    They are worse ones where training asks for them. Where a class map from outside knows the class of a cell, that
    one counts and not the logits.
    """
    if "class_noise" in inputs:
        noise = functional.interpolate(inputs["class_noise"], logits.shape[-2:], mode="bilinear", align_corners=False)
        logits = (logits.float() + noise) * inputs["class_scale"][:, None, None, None]
    probabilities = logits.float().softmax(dim=1)
    if "image_classes" not in inputs:
        return probabilities
    classes = inputs["image_classes"].long()[:, None]
    count = logits.shape[1]
    known = (classes > 0) & (classes < count)
    told = torch.full_like(probabilities, (1 - TRUST) / (count - 1))
    return torch.where(known, told.scatter(1, classes.where(known, classes.new_zeros(())), TRUST), probabilities)


def _widened_classes(classes: Tensor, length: int) -> Tensor:
    """Train ids [B, X, Y, Z] uint8 of voxels -> [B, length, _, Z] of voxels as wide as those of the volume.

    Of several classes in a wide voxel the highest id counts; 0 is none.
    """
    width = classes.shape[1] // length
    return functional.max_pool3d(classes.float(), (width, width, 1)).to(classes.dtype)


class L2CoccLidar(_SceneOfVolume):
    """The LiDAR model: an encoder of points makes the volume; the rest is as in the camera model.

    Where its spec asks for measured voxels too, its head is a detailed one, as the camera model's may be.

    Args:
        spec: how frames must be prepared for it.
        classes: of the scene.
        encoder: points [B, N, 4] -> volume.
        trunk, planes, head: as of `L2Cocc`.
    """

    def __init__(
        self, spec: InputSpec, classes: int, *, encoder: nn.Module, trunk: nn.Module, planes: TriPlane, head: nn.Module
    ) -> None:
        super().__init__(spec, classes)
        self.encoder, self.trunk, self.planes, self.head = encoder, trunk, planes, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        volume = self.encoder(inputs["points"])
        children = [inputs["lidar_voxels"]] if "lidar_voxels" in self.spec.sweep else []
        scene, taps = self.complete(volume, *children)
        return SceneOutput(scene, taps=taps)
