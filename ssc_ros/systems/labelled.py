"""What the systems share whose measured voxels know what the image shows of them."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from ssc_ros.networks.frozen import Frozen
from ssc_ros.networks.heads.labelled import LabelledRows, LabelledVoxels
from ssc_ros.systems.segmenter.network import Segmenter
from ssc_ros.systems.spec import LIDAR, STEREO, InputSpec, SceneInputs

PAIR = ("stereo_depth", "stereo_voxels", "stereo_sightings")
SIGHTED = ("lidar_sightings", "lidar_classes")
SWEEP = ("lidar_depth", "lidar_voxels", *SIGHTED)
"""What such a network reads of pair and sweep, unless it needs more or less."""

LABEL_FEATURES = 32
"""Channels of what is known of a measured voxel."""


class FrozenSegmenter(Frozen):
    """A segmenter that is never trained: image -> features and class logits.

    Args:
        segmenter: trained before; a checkpoint of it fits `body`.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter)
        self.class_count = segmenter.class_count

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] uint8 -> features [B, C, h, w] and logits [B, classes, h, w]."""
        with torch.no_grad():
            return cast("Segmenter", self.body).features_and_classes(image)


def labelled_spec(segmenter: Segmenter, pair: tuple[str, ...] = PAIR, sweep: tuple[str, ...] = SWEEP) -> InputSpec:
    """How frames are prepared for a network with that segmenter."""
    return replace(segmenter.spec, sensors=(STEREO, LIDAR), pair=pair, sweep=sweep)


def edge_labels(spec: InputSpec, classes: int, channels: int, wide: int = 1, sensors: int = 2) -> LabelledVoxels:
    """For two CPU cores: labels of voxels of 0.4 m.

    Args:
        spec: of the network.
        classes: of the segmenter.
        channels: of the volume.
        wide: how many of these voxels lie in a voxel of the volume along x and y.
        sensors: stereo, LiDAR, and perhaps others.
    """
    half = spec.grid.coarsened(2)
    return LabelledVoxels(classes, LABEL_FEATURES, channels, half.shape, half.edges[0], wide, sensors)


def label_points(label: LabelledVoxels, logits: Tensor, inputs: SceneInputs) -> list[LabelledRows]:
    """What is known of the voxels that stereo, and of those that LiDAR, has measured.

    Args:
        label: learns it.
        logits: [B, C, h, w] of the image cells' classes.
        inputs: have the sightings of both sensors, and the classes that LiDAR points have of their own.
    """
    probabilities = class_probabilities(logits, inputs)
    return [
        label(probabilities, inputs["stereo_sightings"], 0),
        label(probabilities, inputs["lidar_sightings"], 1, inputs["lidar_classes"]),
    ]


WORSE = ("class_noise", "class_scale")
"""Inputs of training that make class logits worse."""


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


def measured_depth(inputs: SceneInputs) -> Tensor:
    """[B, h, w] depth [m] of each image cell, LiDAR's where it has a point there, else stereo's; 0 is none."""
    return torch.where(inputs["lidar_depth"] > 0, inputs["lidar_depth"], inputs["stereo_depth"])


def measured_children(inputs: SceneInputs) -> Tensor:
    """[B, 16, X/2, Y/2, Z/2] uint8, the children in which stereo, and then LiDAR, found a point."""
    return torch.cat([inputs["stereo_voxels"], inputs["lidar_voxels"]], dim=1)
