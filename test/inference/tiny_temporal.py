"""A network with a history, small enough to see through: each voxel takes the mean of the pixels that it falls on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.core import SEMANTIC_KITTI, Frame, SceneGrid, StereoRig, poses
from ssc_ros.inference.checkpoint import CheckpointMetadata
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.networks.heads.upsampled import UpsampledLogits
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.systems import InputSpec, SceneInputs, SceneNetwork, SceneOutput
from ssc_ros.systems.spec import History

SECOND = 1_000_000_000
GRID = SceneGrid((0.0, -3.2, -2.0), 0.4, (16, 16, 8))
SPEC = InputSpec(
    image_size=(24, 80), context_size=(6, 20), grid=GRID, pair=("stereo_points",), history=History(2, 0.5, 0.05)
)
OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[100.0, 0, 80], [0, 100, 24], [0, 0, 1]]), 0.5, (48, 160), OPTICAL)
CLASSES = len(SEMANTIC_KITTI)


class MeanOfFrames(SceneNetwork):
    """Features of all valid frames, sampled where the voxels project to, averaged; nothing else.

    Attributes:
        passes: how many images went through the image encoder.
    """

    def __init__(self, spec: InputSpec = SPEC, remembers: bool = True, memory: bool = True) -> None:
        super().__init__(spec, CLASSES)
        self.encoder = nn.Conv2d(3, 4, 4, stride=4)
        self.classes = nn.Linear(4, CLASSES)
        self.remembers, self.has_memory, self.passes = remembers, memory, 0

    def features(self, images: torch.Tensor) -> torch.Tensor:
        self.passes += len(images)
        return self.encoder(images.float() / 255)

    def remember(self, inputs: SceneInputs) -> torch.Tensor | None:
        return self.features(inputs["image"]) if self.remembers and self.has_memory else None

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        now = self.features(inputs["image"])
        frames, projections = [now[:, None]], [inputs["projection"][:, None]]
        valid = [torch.ones(len(now), 1, dtype=torch.bool, device=now.device)]
        if "past_image" in inputs:
            images = inputs["past_image"]
            frames.append(self.features(images.flatten(0, 1)).unflatten(0, images.shape[:2]))
        elif "past_memory" in inputs:
            frames.append(inputs["past_memory"])
        if "past_valid" in inputs:
            projections.append(inputs["past_projection"])
            valid.append(inputs["past_valid"])
        seen = self.sampled(torch.cat(frames, 1), torch.cat(projections, 1), torch.cat(valid, 1))
        logits = self.classes(seen).movedim(-1, 1)
        return SceneOutput(UpsampledLogits(logits), memory=now if self.has_memory else None)

    def sampled(self, features: torch.Tensor, projections: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        half, (height, width) = self.spec.grid.coarsened(2), self.spec.image_size
        batch, count = valid.shape
        u, v, depth = project_voxels(projections.flatten(0, 1), half).flatten(1, 3).unbind(-1)
        place = torch.stack([(2 * u + 1) / width - 1, (2 * v + 1) / height - 1], dim=-1)
        inside = (place.abs() <= 1).all(-1) & (depth > 0) & valid.flatten()[:, None]
        values = functional.grid_sample(features.flatten(0, 1), place.nan_to_num()[:, None], align_corners=False)[
            :, :, 0
        ]
        values = (values * inside[:, None]).unflatten(0, (batch, count)).sum(1)
        mean = values / inside.unflatten(0, (batch, count)).sum(1).clamp(min=1)[:, None]
        return mean.movedim(1, -1).unflatten(1, half.shape)


def network(seed: int = 0, **options: Any) -> MeanOfFrames:
    torch.manual_seed(seed)
    made = MeanOfFrames(**options)
    with torch.no_grad():  # an untrained network should care for what it sees
        made.classes.weight.mul_(10)
    return made.eval()


def completer(made: MeanOfFrames) -> SceneCompleter:
    metadata = CheckpointMetadata("mean", "mean", "tiny", SEMANTIC_KITTI.name, made.spec.grid, made.spec.sensors)
    return SceneCompleter(made, metadata, device="cpu")


def pose(x: float, yaw: float = 0.0, y: float = 0.0) -> np.ndarray:
    """T_world_grid."""
    return poses.from_quaternion(np.array([0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]), np.array([x, y, 0.1 * x]))


def frame(seconds: float, T_world_grid: np.ndarray | None) -> Frame:
    """A pair of noise that depends on its time, with a disparity of twelve pixels."""
    image = np.random.default_rng(round(1000 * seconds) + 7).integers(0, 256, (*RIG.image_size, 3), np.uint8)
    right = np.roll(image, -12, axis=1)
    return Frame(round(seconds * SECOND) + SECOND, image, right, RIG, T_world_grid=T_world_grid)


def drive(count: int = 12, step: float = 0.1) -> list[Frame]:
    """A slow turn: 1 m/s, 0.2 rad/s."""
    return [frame(i * step, pose(i * step, 0.2 * i * step)) for i in range(count)]


def without_pose(seen: Frame) -> Frame:
    return replace(seen, T_world_grid=None)
