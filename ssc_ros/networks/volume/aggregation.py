"""The last step of tri-perspective planes: weigh them and the volume, voxel by voxel (L2COcc section III-C)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssc_ros.networks.loops import bits, loop, may_learn_by_loops


def aggregate(weight: Tensor, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Weigh three planes and a volume, in each voxel by the softmax of a linear function of their sum.

    Args:
        weight: [4, C] of that function.
        parts: xy, yz, zx and the volume, each [B, X, Y, Z, C] or with a size of 1 along an axis.

    Returns:
        [B, X, Y, Z, C], and the logits [B, 4, X, Y, Z] before the softmax.
    """
    if may_learn_by_loops(weight):
        # all of one kind, which a plane that a convolution has made under autocast decides
        single = [part.to(parts[0].dtype) for part in parts]
        logits, result = _Aggregate.apply(weight, *single)
        return result, logits
    return weighed(weight, parts)


def weighed(weight: Tensor, parts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """`aggregate` in torch's operations, which compilers of graphs fuse: the slow reference of the loops."""
    xy, yz, zx, voxels = parts
    # the broadcast planes first: their sum is small
    summed = yz + zx + xy + voxels
    # the few logits of a voxel do not lie side by side: no softmax is fast along so short an axis
    logits = torch.matmul(weight, summed.flatten(1, 3).transpose(1, 2)).unflatten(2, voxels.shape[1:4])
    weights = logits.softmax(dim=1)[..., None]
    result = xy * weights[:, 0]
    for i, part in enumerate(parts[1:], start=1):
        result = torch.addcmul(result, part, weights[:, i])
    return result, logits


class _Aggregate(torch.autograd.Function):
    """`aggregate` on a CPU: logits and result."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, *parts: Tensor) -> tuple[Tensor, Tensor]:
        from ssc_ros.networks.volume.aggregated import weigh  # compiles, so only where it is needed

        batch, *shape, _ = parts[-1].shape
        parts = tuple(part.contiguous() for part in parts)
        logits = weight.new_empty(batch, len(parts), *shape)
        result = torch.empty_like(parts[-1])
        steps, own = _steps(parts), weight.detach().float().contiguous().numpy()
        for b in range(batch):
            written = logits[b].flatten(1).numpy(), bits(result[b]).flatten(0, 2).numpy()
            what = own, _rows(parts, b), steps, tuple(shape), *written
            loop(lambda begin, end: weigh(begin, end, *what), shape[0])  # noqa: B023 (it is called at once)
        ctx.save_for_backward(weight, logits, *parts)
        return logits, result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, of_logits: Tensor, of_result: Tensor) -> tuple[Tensor, ...]:
        from ssc_ros.networks.volume.aggregated import unweigh  # compiles, so only where it is needed

        weight, logits, *parts = (tensor.detach() for tensor in ctx.saved_tensors)
        shape, steps, own = tuple(parts[-1].shape[1:4]), _steps(parts), weight.float().contiguous().numpy()
        of_weight = torch.zeros(len(logits), *weight.shape)
        of_parts = [torch.zeros(part.shape) for part in parts]
        received = of_logits.float().contiguous(), of_result.to(parts[-1].dtype).contiguous()

        def of_scenes(begin: int, end: int) -> None:
            for b in range(begin, end):
                given = logits[b].flatten(1).numpy(), received[0][b].flatten(1).numpy()
                result = bits(received[1][b]).flatten(0, 2).numpy()
                unweigh(own, _rows(parts, b), steps, shape, *given, result, of_weight[b].numpy(), _rows(of_parts, b))

        loop(of_scenes, len(logits))
        return of_weight.sum(dim=0), *of_parts


def _rows(parts: Sequence[Tensor], scene: int) -> tuple[Any, ...]:
    """What numpy sees of the rows of one scene of each part."""
    return tuple(bits(part[scene]).flatten(0, 2).numpy() for part in parts)


def _steps(parts: Sequence[Tensor]) -> Any:
    """(parts, 3): how many rows of a part lie between a voxel and its neighbour along x, y and z."""
    shapes = [part.shape[1:4] for part in parts]
    return np.array([[y * z if x > 1 else 0, z if y > 1 else 0, 1 if z > 1 else 0] for x, y, z in shapes])
