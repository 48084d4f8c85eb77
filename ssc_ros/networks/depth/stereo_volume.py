"""A depth distribution from the two images of a pair alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import DepthBins
from ssc_ros.networks.depth.camera_aware import CameraGate, camera_vector
from ssc_ros.networks.depth.cost_volume import at_depths, group_correlation, right_projection
from ssc_ros.networks.depth.hourglass import Hourglass, conv_group_norm


class StereoVolume(nn.Module):
    """Correlate features that know their camera, and reason on the volume (VLScene; GwcNet, Guo et al. 2019).

    The volume over disparities is read at the disparity of each bin's centre, for the rig at hand. (The published
    network reads its bins, which begin at 2 m in steps of 0.5 m, at 0.5 m, 1 m, ...)

    Args:
        features: channels of the image features.
        bins: of the depth.
        image_size: (height, width) [px] of the image that projection and disparity refer to.
        width: channels that are correlated.
        groups: of these, and channels of the volume.
        disparities: how many whole ones are compared, in cells of the features; a rig that needs more for its nearest
            bins sees nothing there. The published network has one for each bin, of which 26 see something.
        camera: length of the camera vector.
        scale: cells of the features along an image cell, over which agreement is averaged.
    """

    def __init__(
        self,
        features: int,
        bins: DepthBins,
        image_size: tuple[int, int],
        width: int = 64,
        groups: int = 32,
        disparities: int = 64,
        camera: int = 12,
        scale: int = 1,
    ) -> None:
        super().__init__()
        self.bins, self.image_size, self.groups, self.disparities = bins, image_size, groups, disparities
        self.scale = scale
        self.reduce = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1), nn.GroupNorm(2, features), nn.ReLU(inplace=True)
        )
        self.gate = CameraGate(camera, features)
        self.project = nn.Conv2d(features, width, 1)
        self.entry = nn.Sequential(_conv(groups), nn.ReLU(inplace=True), _conv(groups), nn.ReLU(inplace=True))
        self.residual = nn.Sequential(_conv(groups), nn.ReLU(inplace=True), _conv(groups))
        self.hourglasses = nn.Sequential(*(Hourglass(3, groups) for _ in range(3)))
        self.exit = nn.Sequential(_conv(groups), nn.ReLU(inplace=True), nn.Conv3d(groups, 1, 3, padding=1, bias=False))

    def forward(self, left: Tensor, right: Tensor, projection: Tensor, focal_baseline: Tensor) -> Tensor:
        """Match.

        Args:
            left, right: [B, F, scale * h, scale * w] features.
            projection: [B, 3, 4], grid frame [m] -> homogeneous pixel of the left image.
            focal_baseline: [B] disparity [px of that image] times depth [m].

        Returns:
            [B, D, h, w] logits over the bins, of the left image.
        """
        both = torch.cat([projection, right_projection(projection, focal_baseline)])
        known = self.gate(self.reduce(torch.cat([left, right])), camera_vector(both, self.image_size))
        ours, theirs = self.project(known).chunk(2)
        volume = group_correlation(ours, theirs, self.groups, self.disparities)
        volume = functional.avg_pool3d(volume, (1, self.scale, self.scale)) if self.scale > 1 else volume
        volume = self.entry(at_depths(volume, focal_baseline * left.shape[-1] / self.image_size[1], self.bins))
        return self.exit(self.hourglasses(volume + self.residual(volume))).squeeze(1)


def _conv(channels: int) -> nn.Sequential:
    return conv_group_norm(3, channels, channels)


class FineMatching(nn.Module):
    """Correlate features that are finer than the image cells; for small computers.

    Each group is compared by the angle between its channels, so the agreement is sharp before anything is learned. It
    is averaged over each image cell, which needs no network on volumes, and the groups are weighed.

    Args:
        features: channels of the features.
        bins: of the depth.
        image_size: (height, width) [px] of the image that the disparity refers to.
        scale: cells of the features along an image cell.
        width: channels that are correlated.
        groups: of these.
        disparities: how many whole ones are compared, in cells of the features.
    """

    def __init__(
        self,
        features: int,
        bins: DepthBins,
        image_size: tuple[int, int],
        scale: int = 2,
        width: int = 16,
        groups: int = 2,
        disparities: int = 32,
    ) -> None:
        super().__init__()
        self.bins, self.image_size, self.scale = bins, image_size, scale
        self.groups, self.disparities = groups, disparities
        self.project = nn.Conv2d(features, width, 1)
        self.weight = nn.Parameter(torch.full((groups, 1, 1, 1), FIRST_WEIGHT / groups))

    def forward(self, left: Tensor, right: Tensor, projection: Tensor, focal_baseline: Tensor) -> Tensor:
        """Match.

        Args:
            left, right: [B, F, scale * h, scale * w] features.
            projection: [B, 3, 4]; not looked at, the published network is made aware of the camera by it.
            focal_baseline: [B] disparity [px of the image] times depth [m].

        Returns:
            [B, D, h, w] logits over the bins, of the left image.
        """
        ours, theirs = self._directions(torch.cat([left, right])).chunk(2)
        volume = (self.weight * group_correlation(ours, theirs, self.groups, self.disparities)).sum(dim=1)
        volume = functional.avg_pool2d(volume, self.scale)[:, None]
        cells = focal_baseline * left.shape[-1] / self.image_size[1]
        return at_depths(volume, cells, self.bins).squeeze(1)

    def _directions(self, features: Tensor) -> Tensor:
        """Channels without their mean over the image, each group of length 1 per channel."""
        x = self.project(features)
        x = (x - x.mean(dim=(-2, -1), keepdim=True)).unflatten(1, (self.groups, -1))
        return (functional.normalize(x, dim=2) * x.shape[2] ** 0.5).flatten(1, 2)


FIRST_WEIGHT = 10.0
"""Logits between perfect agreement and none, before training: the softmax over a hundred bins then follows it."""
