"""L2COcc (Wang et al., IROS 2025, arXiv 2503.12369): camera model C, which distillation makes D, and LiDAR model L."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.volume.tri_plane import TriPlane
from ssc_ros.systems.dense import dense
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
    """

    def __init__(
        self,
        image: ImageBranch,
        lift: nn.Module,
        fuse: nn.Module | None,
        transformer: nn.Module,
        trunk: nn.Module,
        planes: TriPlane,
        head: nn.Module,
    ) -> None:
        super().__init__(image.spec, image.class_count)
        self.image, self.lift, self.fuse, self.transformer = image, lift, fuse, transformer
        self.trunk, self.planes, self.head = trunk, planes, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        projection, measured = inputs["projection"], self._measured(inputs)
        context, depth = self.image.context_and_depth(inputs)
        volume = self.lift(context, depth, projection)
        if self.fuse is not None:
            classes = inputs["lidar_classes"] if "lidar_classes" in self.spec.sweep else None
            volume = self.fuse(volume, measured, classes)
        volume = self.transformer(volume, measured.bool().any(dim=1), context, depth, projection)
        scene, taps = self.complete(volume)
        said = self.image.classes(context) if self.training else None
        return SceneOutput(scene, depth, said, taps)

    @dense
    def complete(self, volume: Tensor) -> tuple[SceneLogits, dict[str, Tensor]]:
        """[B, C, X, Y, Z] -> the scene, and taps."""
        volume = self.trunk(volume)
        refined, taps = self.planes(volume)
        return self.head(refined), {"volume": volume, **taps}

    def _measured(self, inputs: SceneInputs) -> Tensor:
        """[B, 8 or 16, X, Y, Z] uint8, the children of each voxel in which stereo, and perhaps LiDAR, found a point."""
        stereo = inputs["stereo_voxels"]
        return torch.cat([stereo, inputs["lidar_voxels"]], dim=1) if "lidar_voxels" in self.spec.sweep else stereo


class L2CoccLidar(SceneNetwork):
    """The LiDAR model: the camera model's volume and planes behind an encoder of points."""

    def __init__(
        self, spec: InputSpec, classes: int, encoder: nn.Module, trunk: nn.Module, planes: TriPlane, head: nn.Module
    ) -> None:
        super().__init__(spec, classes)
        self.encoder, self.trunk, self.planes, self.head = encoder, trunk, planes, head

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a scene; see `SceneInputs` and `SceneOutput`."""
        scene, taps = self.complete(self.encoder(inputs["points"]))
        return SceneOutput(scene, taps=taps)

    @dense
    def complete(self, volume: Tensor) -> tuple[SceneLogits, dict[str, Tensor]]:
        """[B, C, X, Y, Z] -> the scene, and taps."""
        volume = self.trunk(volume)
        refined, taps = self.planes(volume)
        return self.head(refined), {"volume": volume, **taps}
