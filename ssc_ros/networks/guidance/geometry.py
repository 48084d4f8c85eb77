"""Geometry guidance: what is occupied, guessed from images and from points, and told to the dense network (SGN)."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ssc_ros.networks.guidance.bird_eye import BirdEyeUNet, OccupancyHead
from ssc_ros.networks.guidance.points import PointEvidence


class Proposals(NamedTuple):
    """What the points say.

    Attributes:
        logits: [B, X, Y, Z] of "not empty".
        guidance: [B, C, X, Y, Z].
    """

    logits: Tensor
    guidance: Tensor


class ProposalNetwork(nn.Module):
    """Points -> `Proposals` at half the resolution of the evidence's grid.

    Args:
        points: from points to evidence.
        bird_eye: completes the evidence as seen from above, [B, Z, X, Y] -> [B, Z / 2, X / 2, Y / 2].
        head: from completed evidence to proposals.
    """

    def __init__(self, points: PointEvidence, bird_eye: BirdEyeUNet, head: OccupancyHead) -> None:
        super().__init__()
        self.points, self.bird_eye, self.head = points, bird_eye, head

    def forward(self, points: Tensor) -> Proposals:
        """Propose; points are those of `PointEvidence`."""
        heights = self.points(points).permute(0, 3, 1, 2)
        return Proposals(*self.head(self.bird_eye(heights).permute(0, 2, 3, 1)))


class GeometryHead(nn.Module):
    """Logits of "not empty" from lifted features, which only supervision looks at: it makes the features geometric.

    Args:
        body: [B, channels, X, Y, Z] -> [B, hidden, X, Y, Z].
        logits: [B, hidden, X, Y, Z] -> [B, 1, X, Y, Z].
    """

    def __init__(self, body: nn.Module, logits: nn.Module) -> None:
        super().__init__()
        self.body, self.logits = body, logits

    def forward(self, volume: Tensor) -> Tensor:
        """[B, channels, X, Y, Z] -> [B, X, Y, Z]."""
        return self.logits(self.body(volume))[:, 0]
