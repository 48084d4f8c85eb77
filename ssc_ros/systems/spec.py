"""What a system is fed and what it returns: the contract that training, deployment and evaluation share."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from ssc_ros.core import SEMANTIC_KITTI_GRID, DepthBins, SceneGrid
from ssc_ros.networks.heads.subvoxel import SceneLogits


@dataclass(frozen=True)
class InputSpec:
    """The sizes that preprocessing needs; part of a preset, carried by the checkpoint.

    Attributes:
        image_size: (height, width) [px] to which the left image is resized.
        context_size: (height, width) of the network's image features and of the depth priors.
        grid: the grid that is predicted, at full resolution; the network works at half of it.
        bins: depth discretisation.
        mean, std: per-channel normalisation of RGB in 0..1.
        stereo_scale: fraction of the image size at which the pair is matched.
    """

    image_size: tuple[int, int] = (192, 640)
    context_size: tuple[int, int] = (48, 160)
    grid: SceneGrid = SEMANTIC_KITTI_GRID
    bins: DepthBins = field(default_factory=DepthBins)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    stereo_scale: float = 0.5


SceneInputs = dict[str, Tensor]
"""Batched network inputs. A missing sensor is all zeros.

| key | shape | meaning |
|---|---|---|
| `image` | [B, 3, H, W] uint8 | left image, RGB, resized to `image_size` |
| `projection` | [B, 3, 4] float32 | grid frame [m] -> homogeneous pixel of that image |
| `stereo_depth`, `lidar_depth` | [B, h, w] float32 | nearest depth [m] in each cell of `context_size`; 0 is missing |
| `stereo_voxels`, `lidar_voxels` | [B, 8, X/2, Y/2, Z/2] uint8 | 1 where a point fell, children as in `to_children` |
"""


@dataclass(frozen=True)
class SceneOutput:
    """What a camera system predicts.

    Attributes:
        scene: the class logits of the grid.
        depth: [B, D, h, w] logits over the depth bins of each image cell, for depth supervision.
        image: [B, C, h, w] class logits of each image cell, for 2-D supervision; None outside of training.
    """

    scene: SceneLogits
    depth: Tensor
    image: Tensor | None = None


class SceneNetwork(nn.Module):
    """A camera system: `SceneInputs` -> `SceneOutput`.

    Attributes:
        spec: how frames must be prepared for it.
    """

    spec: InputSpec

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a batch of scenes."""
        raise NotImplementedError
