"""What a system is fed and what it returns: the contract that training, deployment and evaluation share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from ssc_ros.core import LIDAR, SEMANTIC_KITTI_GRID, STEREO, DepthBins, PolarGrid, SceneGrid
from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.heads.scene_logits import SceneLogits

__all__ = ["LIDAR", "STEREO", "History", "InputSpec", "SceneInputs", "SceneNetwork", "SceneOutput", "VoxelLogits"]


@dataclass(frozen=True)
class History:
    """Which past frames a network reads beside the current one.

    Attributes:
        count: how many; a network of single frames reads none.
        interval: time from each to the next [s].
        tolerance: how far from its wished time a frame may have been taken [s].
        measured: whether the network reads what past pairs have measured as `past_voxels`. Each frame must then leave
            its `stereo_points` behind, so they belong to `pair`; the network itself is not given them.
        sighted: whether it also reads which cells of the past images saw them, as `past_sightings`.
    """

    count: int = 0
    interval: float = 0.5
    tolerance: float = 0.1
    measured: bool = False
    sighted: bool = False


@dataclass(frozen=True)
class InputSpec:
    """The sizes that preprocessing needs; part of a preset, carried by the checkpoint.

    Attributes:
        sensors: what the network reads, of "stereo" and "lidar".
        image_size: (height, width) [px] to which the left image is resized.
        context_size: (height, width) of the network's image features and of the depth prior.
        grid: the grid that is predicted, at full resolution; the network works at half of it.
        bins: depth discretisation.
        mean, std: per-channel normalisation of RGB in 0..1.
        stereo_scale: fraction of the image size at which the pair is matched.
        pair: which inputs are made of the pair beside the left image, by their keys in `SceneInputs`.
        history: the past frames that it reads.
        sweep: which inputs are made of the LiDAR sweep, by their keys in `SceneInputs`.
        polar: the cells of a network that gives classes to points.
    """

    sensors: tuple[str, ...] = (STEREO,)
    image_size: tuple[int, int] = (192, 640)
    context_size: tuple[int, int] = (48, 160)
    grid: SceneGrid = SEMANTIC_KITTI_GRID
    bins: DepthBins = field(default_factory=DepthBins)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    stereo_scale: float = 0.5
    pair: tuple[str, ...] = ("stereo_depth", "stereo_voxels")
    history: History = field(default_factory=History)
    sweep: tuple[str, ...] = ("points",)
    polar: PolarGrid | None = None

    @property
    def reads_class_maps(self) -> bool:
        """Whether the classes of image cells reach voxels, so that a class map from outside can tell them."""
        return "stereo_sightings" in self.pair

    @property
    def polar_grid(self) -> PolarGrid:
        """`polar` of a network that has it.

        Raises:
            ValueError: it has none.
        """
        if self.polar is None:
            raise ValueError("a network that gives classes to points needs a polar grid")
        return self.polar


SceneInputs = dict[str, Tensor]
"""Batched network inputs; those of the sensors that the system reads.

| key | where | shape | meaning |
|---|---|---|---|
| `image` | stereo | [B, 3, H, W] uint8 | left image, RGB, resized to `image_size` |
| `projection` | stereo | [B, 3, 4] float32 | grid frame [m] -> homogeneous pixel of that image |
| `right` | pair | [B, 3, H, W] uint8 | right image, resized like the left one |
| `focal_baseline` | pair | [B] float32 | disparity [px of `image`] times depth [m] |
| `stereo_depth` | pair | [B, h, w] float32 | nearest depth [m] in each cell of `context_size`; 0 is missing |
| `stereo_voxels` | pair | [B, 8, X/2, Y/2, Z/2] uint8 | 1 where a matched pixel lies, children as in `to_children` |
| `stereo_points` | pair | [B, N, 3] float32 | matched pixels in the box [m], grid frame; rows of NaN fill up |
| `stereo_sightings` | pair | [B, N, 2] int32 | voxel at half resolution and cell that see each other (`sightings`) |
| `image_classes` | class map | [B, h, w] uint8 | train id in the middle of each cell of `context_size`, from outside |
| `points` | sweep | [B, N, 4] float32 | x, y, z [m] in the grid frame and reflectance; rows of NaN fill up |
| `cloud` | sweep | [B, N, 4] float32 | as `points`, but all of the sweep and not only those in the box |
| `lidar_voxels` | sweep | [B, 8, X/2, Y/2, Z/2] uint8 | 1 where a LiDAR point lies, children as in `to_children` |
| `lidar_classes` | sweep | [B, X/2, Y/2, Z/2] uint8 | train id of most points in a voxel; 0 is none, or no label |
| `lidar_depth` | sweep | [B, h, w] float32 | as `stereo_depth`, of the LiDAR points that the camera sees |
| `lidar_sightings` | sweep | [B, N, 2] int32 | the same of LiDAR points; the cell is -1 out of the camera's view |
| `class_noise` | training | [B, C, a, b] float32 | coarse map of what is added to the logits of pixels' classes |
| `class_scale` | training | [B] float32 | by what those logits are multiplied then |
| `past_image` | history | [B, P, 3, H, W] uint8 | left images of the past, the latest first |
| `past_projection` | history | [B, P, 3, 4] float32 | current grid frame [m] -> homogeneous pixel of each of them |
| `past_valid` | history | [B, P] bool | whether there is such a frame, and its pose is known |
| `past_voxels` | history | [B, 8, X/2, Y/2, Z/2] uint8 | as `stereo_voxels`, of past pairs (`inference.history`) |
| `past_sightings` | history | [B, N, 2] int32 | as `stereo_sightings`, of past points; cells image by image |
| `past_memory` | history | [B, P, ...] | in place of `past_image`: `memory` as the network returned it of them |

`image_classes` is there where a frame comes with a class map (`Frame.image_labels`) and the network can use it
(`InputSpec.reads_class_maps`); 0 and 255 are unknown. All samples of a batch have it, or none.
Rows of sightings that are filled up have the voxel -1.
With a history, `stereo_points` holds those of the past frames too, moved into the current grid; or there are
`past_voxels` instead of it, see `History.measured`.
"""


@dataclass(frozen=True)
class VoxelLogits:
    """Class logits of some voxels at half resolution.

    Attributes:
        logits: [N, C], class 0 empty.
        index: [N] long, flat C-order index into (B, X/2, Y/2, Z/2).
    """

    logits: Tensor
    index: Tensor


@dataclass(frozen=True)
class SceneOutput:
    """What a system predicts.

    Attributes:
        scene: the class logits of the grid; None if the network completes no scene.
        points: the class logits of the points of the sweep; None if the network gives them no classes.
        depth: [B, D, h, w] logits over the depth bins of each image cell, for depth supervision; None without images.
        image: [B, C, h, w] class logits of each image cell, for 2-D supervision. Networks that complete a scene have
            them in training alone, if at all.
        taps: intermediate features by name, which distillation compares.
        memory: [B, ...] what a later frame reads of this one (`past_memory`); None if the network reads no past.
        occupancy: [B, X/2, Y/2, Z/2] logits of "not empty", by the part of the network that guessed them; empty outside
            of training.
        seeds: classes of the voxels that the network looks at more closely; None outside of training.
        temporal: the class logits of the grid by past frames alone; None outside of training.
    """

    scene: SceneLogits | None
    depth: Tensor | None = None
    image: Tensor | None = None
    taps: Mapping[str, Tensor] = field(default_factory=dict)
    memory: Tensor | None = None
    occupancy: Mapping[str, Tensor] = field(default_factory=dict)
    seeds: VoxelLogits | None = None
    points: PointLogits | None = None
    temporal: SceneLogits | None = None


class SceneNetwork(nn.Module):
    """A system: `SceneInputs` -> `SceneOutput`.

    Args:
        spec: how frames must be prepared for it.
        class_count: how many classes it tells apart, empty included.

    Attributes:
        completes: whether it predicts a scene, and not the classes of image cells or points alone.
    """

    completes = True

    def __init__(self, spec: InputSpec, class_count: int) -> None:
        super().__init__()
        self.spec, self.class_count = spec, class_count

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict a batch of scenes."""
        raise NotImplementedError

    def remember(self, inputs: SceneInputs) -> Tensor | None:
        """[B, ...] memory of a frame, without predicting; None where nothing is cheaper than `forward`.

        Args:
            inputs: of single frames; nothing of the history.
        """
        return None
