"""Blocks of VLScene's guidance by vision and language that live in training alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class GatedFusion(nn.Module):
    """Student's features, teacher's features and teacher's classes as one feature map of the student's width.

    e = MLP(f, v, softmax(l)); then A(e) and B(f) are added, each channel weighted by a gate that its mean over the
    image opens or closes. A, B and the MLP are 1 x 1 convolutions.

    Args:
        channels: C of the student's features f, and of the result.
        features: F of the teacher's features v.
        classes: K of the teacher's logits l.
        copies: begin with the result f + A(e) / 2 instead of a random mixture.
    """

    def __init__(self, channels: int, features: int, classes: int, *, copies: bool) -> None:
        super().__init__()
        hidden = 2 * channels
        self.mix = nn.Sequential(
            nn.Conv2d(channels + features + classes, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
        )
        self.adapt_joint, self.adapt_student = (nn.Conv2d(channels, channels, 1) for _ in range(2))
        self.gate_joint, self.gate_student = (nn.Conv2d(channels, channels, 1) for _ in range(2))
        if copies:
            self.copy()

    def copy(self) -> None:
        """Let f through as it is: half-open gates behind twice the identity."""
        nn.init.dirac_(self.adapt_student.weight)
        with torch.no_grad():
            self.adapt_student.weight *= 2
        gates = (*self.gate_joint.parameters(), *self.gate_student.parameters())
        for parameter in (self.adapt_student.bias, *gates):
            assert parameter is not None
            nn.init.zeros_(parameter)

    def forward(self, student: Tensor, features: Tensor, logits: Tensor) -> Tensor:
        """[B, C, h, w], [B, F, h, w] and [B, K, h, w] -> [B, C, h, w]."""
        joint = self.mix(torch.cat([student, features, logits.softmax(dim=1)], dim=1))
        return _gated(self.adapt_joint(joint), self.gate_joint) + _gated(self.adapt_student(student), self.gate_student)


def _gated(features: Tensor, gate: nn.Module) -> Tensor:
    weights: Tensor = gate(features.mean(dim=(2, 3), keepdim=True))
    return weights.sigmoid() * features


class UnitReading(nn.Module):
    """A linear reading of feature maps at a fixed gain: [B, inputs, h, w] -> [B, outputs, h, w].

    Its rows have unit length. So what is read must be there in full size; a free gain would let the features shrink
    and the reading amplify them.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """Read."""
        rows = functional.normalize(self.weight, dim=1)
        return functional.conv2d(features, rows[:, :, None, None], self.bias)
