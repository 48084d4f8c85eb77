"""L2COcc (Wang et al., IROS 2025, arXiv 2503.12369): camera model C, which distillation makes D, and LiDAR model L."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.heads.subvoxel import Arrange, any_occupied, as_they_are
from ssc_ros.networks.lift.frustum import depth_density
from ssc_ros.networks.lift.voxel_transformer import VoxelTransformer
from ssc_ros.networks.volume.tri_plane import TriPlane
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


class L2Cocc(SceneNetwork):
    """The camera model, as figure 2 of the paper reads from left to right.

    Where its spec asks for a sweep, LiDAR points join what stereo has measured: in `fuse`, and as proposals.

    Args:
        image: context and depth.
        lift: context, density of the depth and projection -> volume.
        fuse: volume, measured parts of its voxels and perhaps their classes -> volume; the published form has none.
        transformer: volume, its prior fill, proposals, context, density and projection -> volume.
        trunk: volume -> volume.
        planes: volume -> volume, and taps.
        head: volume, and what `arrange` has for it -> scene logits.
        arrange: measured children, for `fuse` and the head.
    """

    def __init__(
        self,
        image: ImageBranch,
        lift: nn.Module,
        fuse: nn.Module | None,
        transformer: VoxelTransformer,
        trunk: nn.Module,
        planes: TriPlane,
        head: nn.Module,
        *,
        arrange: Arrange = as_they_are,
    ) -> None:
        super().__init__(image.spec, image.class_count)
        self.image, self.lift, self.fuse, self.transformer = image, lift, fuse, transformer
        self.trunk, self.planes, self.head, self.arrange = trunk, planes, head, arrange

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        projection = inputs["projection"]
        parts, *details = self.arrange(self._measured(inputs))
        context, depth = self.image.context_and_depth(inputs)
        density = depth_density(depth)
        fused = [] if self.fuse is None else [parts, *self._classes(inputs, parts)]
        volume, filled = self._enter(self.lift(context, density, projection), *fused)
        volume = self.transformer(volume, filled, any_occupied(parts), context, density, projection)
        scene, taps = self.complete(volume, *details)
        said = self.image.classes(context) if self.training else None
        return SceneOutput(scene, depth, said, taps)

    @dense
    def enter(self, lifted: Tensor, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """The lifted volume, and measured parts where they are fused -> volume and its prior fill."""
        return self._fused_and_filled(lifted, *parts)

    def _enter(self, lifted: Tensor, *fused: Tensor) -> tuple[Tensor, Tensor]:
        """The same with classes of measured voxels too, which are not dense: few voxels have one."""
        enter = self._fused_and_filled if len(fused) > 1 else self.enter
        volume, filled = enter(lifted, *fused)
        return volume, filled

    def _fused_and_filled(self, lifted: Tensor, *fused: Tensor) -> tuple[Tensor, Tensor]:
        volume = lifted if self.fuse is None else self.fuse(lifted, *fused)
        return volume, self.transformer.fill(volume)

    @dense
    def complete(self, volume: Tensor, *measured: Tensor) -> tuple[SceneLogits, dict[str, Tensor]]:
        """[B, C, X, Y, Z], and what a detailed head is given beside it -> the scene, and taps."""
        volume = self.trunk(volume)
        refined, taps = self.planes(volume)
        return self.head(refined, *measured), {"volume": volume, **taps}

    def _measured(self, inputs: SceneInputs) -> Tensor:
        """[B, 8 or 16, X/2, Y/2, Z/2] uint8, the children in which stereo, and perhaps LiDAR, found a point."""
        stereo = inputs["stereo_voxels"]
        return torch.cat([stereo, inputs["lidar_voxels"]], dim=1) if "lidar_voxels" in self.spec.sweep else stereo

    def _classes(self, inputs: SceneInputs, parts: Tensor) -> list[Tensor]:
        """[B, *volume] uint8, the train id of points in each voxel, of several the highest; or nothing."""
        if "lidar_classes" not in self.spec.sweep:
            return []
        classes = inputs["lidar_classes"]
        width = classes.shape[1] // parts.shape[2]
        return [functional.max_pool3d(classes.float(), (width, width, 1)).to(classes.dtype)]


class L2CoccLidar(SceneNetwork):
    """The LiDAR model: the camera model's volume and planes behind an encoder of points.

    Where its spec asks for measured voxels too, its head is a detailed one, as the camera model's may be.
    """

    def __init__(
        self, spec: InputSpec, classes: int, encoder: nn.Module, trunk: nn.Module, planes: TriPlane, head: nn.Module
    ) -> None:
        super().__init__(spec, classes)
        self.encoder, self.trunk, self.planes, self.head = encoder, trunk, planes, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        measured = [inputs["lidar_voxels"]] if "lidar_voxels" in self.spec.sweep else []
        scene, taps = self.complete(self.encoder(inputs["points"]), *measured)
        return SceneOutput(scene, taps=taps)

    @dense
    def complete(self, volume: Tensor, *measured: Tensor) -> tuple[SceneLogits, dict[str, Tensor]]:
        """[B, C, X, Y, Z], and what a detailed head is given beside it -> the scene, and taps."""
        volume = self.trunk(volume)
        refined, taps = self.planes(volume)
        return self.head(refined, *measured), {"volume": volume, **taps}
