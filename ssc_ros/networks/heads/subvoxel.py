"""A head that works at half resolution and decides emptiness for each of a voxel's eight children.

Semantics vary slowly, surfaces do not: the class logits are predicted at 0.4 m and shared by the eight 0.2 m children,
while the empty class's logit gets an offset per child. The full volume of logits (20 x 256 x 256 x 32 floats) is
never built outside of `SceneLogits.dense`, the slow reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ssc_ros.networks.chosen import chosen_rows
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.networks.loops import loop, may_loop
from ssc_ros.networks.volume.blocks import Pointwise3d, channels_first, channels_last, conv_norm_3d


def to_children(volume: Tensor) -> Tensor:
    """Split a fine volume: [B, 2X, 2Y, 2Z] -> [B, 8, X, Y, Z], child = 4 (x % 2) + 2 (y % 2) + z % 2."""
    batch, x, y, z = volume.shape
    parts = volume.reshape(batch, x // 2, 2, y // 2, 2, z // 2, 2)
    return parts.permute(0, 2, 4, 6, 1, 3, 5).reshape(batch, 8, x // 2, y // 2, z // 2)


def from_children(children: Tensor) -> Tensor:
    """The inverse of `to_children`: [B, 8, X, Y, Z] -> [B, 2X, 2Y, 2Z]."""
    batch, _, x, y, z = children.shape
    parts = children.reshape(batch, 2, 2, 2, x, y, z)
    return parts.permute(0, 4, 1, 5, 2, 6, 3).reshape(batch, 2 * x, 2 * y, 2 * z)


def any_occupied(children: Tensor) -> Tensor:
    """[B, 8 n, X, Y, Z] uint8 of children -> [B, X, Y, Z] bool, whether there is something in any of them."""
    return (_as_eights(children) != 0).any(dim=-1)


Arrange = Callable[[Tensor], tuple[Tensor, ...]]
"""Measured children [B, 8 n, X, Y, Z] uint8 of n sensors -> what is fused with a volume, [B, _, *volume], and what its
head is given beside it, if anything."""


def as_they_are(children: Tensor) -> tuple[Tensor, ...]:
    """Of the voxels of the volume itself, and no others for the head."""
    return (children,)


def occupied_parts(children: Tensor) -> Tensor:
    """Which parts of voxels twice as wide hold something: a part is as wide as a voxel of which we know the children,
    and as high as a child. Where the ground is depends on its height more than on its place.

    Args:
        children: [B, 8 n, 2X, 2Y, Z] uint8, of n sensors, as from `to_children`; 1 where there is something.

    Returns:
        [B, 8 n, X, Y, Z] uint8, 1 where any child of a part holds something. Along the axis of parts: sensor, lower and
        upper half, x, y. In memory, the parts of a voxel lie side by side.
    """
    if not may_loop(children):
        halves = channels_last(children).unflatten(4, (-1, 4, 2)).amax(dim=5)
        parts = halves.unflatten(1, (-1, 2)).unflatten(3, (-1, 2))
        return channels_first(parts.permute(0, 1, 3, 5, 6, 7, 2, 4).flatten(4))
    from ssc_ros.networks.heads.marked_parts import mark_parts  # compiles, so only where it is needed

    eight = _as_eights(children)
    marked = eight.new_empty(len(eight), eight.shape[1] // 2, eight.shape[2] // 2, *eight.shape[3:])
    for scene, result in zip(eight.numpy(), marked.numpy(), strict=True):
        loop(lambda *part, scene=scene, result=result: mark_parts(*part, scene, result), len(result))
    return channels_first(marked.view(torch.uint8))


def _as_eights(children: Tensor) -> Tensor:
    """[B, 8 n, X, Y, Z] uint8 -> [B, X, Y, Z, n] int64, the bytes of eight in a row; a view where they lie so."""
    return channels_last(children).contiguous().view(torch.int64)


def parent_and_child(index: Tensor, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Where fine voxels belong.

    Args:
        index: [N] long, flat C-order index into (B, 2X, 2Y, 2Z).
        shape: (X, Y, Z).

    Returns:
        [N] flat C-order index into (B, X, Y, Z), and [N] number of the child as in `to_children`.
    """
    x, y, z = shape
    # whole numbers are slow to divide, so as few as can be are: a remainder is what a quotient leaves
    column, row, b = index // (2 * z), index // (4 * y * z), index // (8 * x * y * z)
    fine_x, fine_y, fine_z = row - 2 * x * b, column - 2 * y * row, index - 2 * z * column
    parent = ((b * x + (fine_x >> 1)) * y + (fine_y >> 1)) * z + (fine_z >> 1)
    return parent, ((fine_x & 1) << 2) + ((fine_y & 1) << 1) + (fine_z & 1)


@dataclass(frozen=True)
class SubvoxelLogits(SceneLogits):
    """Class logits at half resolution, with an empty offset per child.

    Attributes:
        semantic: [B, C, X, Y, Z]; class 0 is empty.
        empty_offset: [B, 8, X, Y, Z], added to the empty logit of each child.
    """

    semantic: Tensor
    empty_offset: Tensor

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution: the slow reference of the methods below."""
        full = self.semantic
        for axis in (2, 3, 4):
            full = full.repeat_interleave(2, dim=axis)
        empty = full[:, :1] + from_children(self.empty_offset)[:, None]
        return torch.cat([empty, full[:, 1:]], dim=1)

    def gather(self, index: Tensor) -> Tensor:
        """Logits of some fine voxels.

        Args:
            index: [N] long, flat C-order index into (B, 2X, 2Y, 2Z).

        Returns:
            [N, C].
        """
        _batch, classes, x, y, z = self.semantic.shape
        parent, child = parent_and_child(index, (x, y, z))
        logits = self.semantic.permute(0, 2, 3, 4, 1).reshape(-1, classes).index_select(0, parent)
        offsets = self.empty_offset.permute(0, 2, 3, 4, 1).reshape(-1).index_select(0, parent * 8 + child)
        return torch.cat([logits[:, :1] + offsets[:, None], logits[:, 1:]], dim=1)

    def labels(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8."""
        return self.decide()[0]

    def decide(self) -> tuple[Tensor, Tensor]:
        """Labels and confidence [B, 2X, 2Y, 2Z] uint8: the softmax over the occupied classes is that of the parent."""
        best, label = self.semantic[:, 1:].float().max(dim=1, keepdim=True)
        total = (self.semantic[:, 1:] - best).exp().sum(dim=1, keepdim=True)
        ahead = self.semantic[:, :1].float() + self.empty_offset - best
        ratio = (-ahead.abs()).exp()
        occupied = ahead < 0
        probability = torch.where(occupied, ratio + total, 1 + total * ratio).reciprocal()
        return (
            from_children((label + 1).to(torch.uint8) * occupied),
            from_children((255 * probability).round().to(torch.uint8)),
        )


@dataclass(frozen=True)
class SubvoxelFeatures(SceneLogits):
    """`SubvoxelLogits` as the features that they are a linear function of: fewer numbers, and only some are needed.

    Attributes:
        features: [B, F, X, Y, Z].
        classify: F features -> the logits of C classes and the offsets of the eight children.
    """

    features: Tensor
    classify: Pointwise3d

    @property
    def volume(self) -> Tensor:
        """The features as [B, F, X, Y, Z], whatever the order in which they are kept."""
        return self.features

    @property
    def shape(self) -> tuple[int, int, int]:
        """(X, Y, Z) of it."""
        x, y, z = self.features.shape[2:]
        return x, y, z

    def plus(self, index: Tensor, rows: Tensor) -> SubvoxelFeatures:
        """The same with something added to the features of some voxels.

        Args:
            index: [N] long, flat C-order index into (B, X, Y, Z).
            rows: [N, F].
        """
        channels, size = self.features.shape[1], math.prod(self.shape)
        channel = torch.arange(channels, device=index.device)
        place = ((index // size)[:, None] * channels + channel) * size + (index % size)[:, None]
        flat = self.features.flatten().index_add(0, place.flatten(), rows.flatten().to(self.features))
        return replace(self, features=flat.view_as(self.features))

    def logits(self) -> SubvoxelLogits:
        """Those of all voxels: the slow reference of the methods below."""
        logits = self.classify(self.volume)
        return SubvoxelLogits(logits[:, :-8], logits[:, -8:])

    def dense(self) -> Tensor:
        """[B, C, 2X, 2Y, 2Z] logits at full resolution."""
        return self.logits().dense()

    def gather(self, index: Tensor) -> Tensor:
        """Logits [N, C] of fine voxels, by their flat C-order index [N] into (B, 2X, 2Y, 2Z)."""
        parent, child = parent_and_child(index, self.shape)
        volume = self.volume
        rows = chosen_rows(volume.permute(0, 2, 3, 4, 1).reshape(-1, volume.shape[1]), parent)
        semantic, offsets = self.classify(rows.T[None])[0].T.tensor_split([-8], dim=1)
        return torch.cat([semantic[:, :1] + offsets.gather(1, child[:, None]), semantic[:, 1:]], dim=1)

    def labels(self) -> Tensor:
        """[B, 2X, 2Y, 2Z] uint8."""
        if self.features.device.type != "cpu":
            return self.logits().labels()
        (labels,) = self._decide(1)
        return labels

    def decide(self) -> tuple[Tensor, Tensor]:
        """Labels and confidence [B, 2X, 2Y, 2Z] uint8."""
        if self.features.device.type != "cpu":
            return self.logits().decide()
        labels, confidence = self._decide(2)
        return labels, confidence

    def _decide(self, count: int) -> list[Tensor]:
        """The labels, and if two are wanted the confidence."""
        batch, (x, y, z) = len(self.features), self.shape
        found = [torch.empty(batch, 2 * x, 2 * y, 2 * z, dtype=torch.uint8) for _ in range(count)]
        assert self.classify.bias is not None
        weight = torch.cat([self.classify.weight, self.classify.bias], dim=1).detach().float() / math.log(2)
        features = self.features.detach().contiguous()
        # numpy knows no bfloat16: its bits
        features = features.view(torch.int16) if features.dtype == torch.bfloat16 else features.float()
        for of_one in zip(features, *(tensor.view(torch.uint16) for tensor in found), strict=True):
            seen, labels, *confidence = (tensor.numpy() for tensor in of_one)
            loop(self._decide_one(seen, weight.numpy(), labels, confidence[0] if confidence else None), x)
        return found

    def _decide_one(self, features: NDArray[Any], *rest: NDArray[Any] | None) -> Callable[[int, int], object]:
        """See `decide_voxels`: it decides a range along x."""
        from ssc_ros.kernels.child_labels import decide_voxels  # compiles, so only where it is needed

        rows = features.reshape(*features.shape[:2], -1)
        return lambda begin, end: decide_voxels(begin, end, rows, *rest)


class SubvoxelHead(nn.Module):
    """[B, channels, X, Y, Z] features -> `SubvoxelFeatures`.

    Args:
        channels: of the features.
        frequencies: (C,) voxel counts of the classes. An untrained head predicts these, not a uniform distribution:
            the first part of a training would only learn that nearly everything is empty (Lin et al., Focal loss for
            dense object detection, section 3.3).
    """

    def __init__(self, channels: int, frequencies: NDArray[np.float64]) -> None:
        super().__init__()
        self.classes = len(frequencies)
        self.body = conv_norm_3d(channels, channels)
        self.logits = Pointwise3d(channels, self.classes + 8)
        assert self.logits.bias is not None
        prior = torch.from_numpy(np.log(frequencies / np.sum(frequencies)))
        with torch.no_grad():
            self.logits.bias[: self.classes, 0] = prior

    def forward(self, volume: Tensor) -> SubvoxelFeatures:
        """Predict."""
        return SubvoxelFeatures(self.body(volume), self.logits)
