"""Depth-aware deformable attention (DFA3D, Li et al. 2023) in plain torch.

An image feature stands at every depth of its ray, weighted by the probability of that depth. Queries sample this
frustum of features at points that they choose. The frustum (channels x depth x height x width) is never built: the
trilinear sample of a product is, at each of the four neighbouring cells, the feature times the interpolated
probability, so that a sample is a weighted sum of four rows of the feature map.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.lift.frustum import lower_neighbor
from ssc_ros.networks.loops import loop, may_learn_by_loops


def sample_frustum(value: Tensor, density: Tensor, locations: Tensor, weights: Tensor, sample: Tensor) -> Tensor:
    """Weighted sum of samples of `value x density`: the slow reference of `sample_depth_weighted`.

    Args:
        value: [B, heads, c, h, w] features.
        density: [B, D, h, w] probability of each depth bin.
        locations: [N, heads, points, 3]: u, v, depth, where 0 and 1 are the outer edges (see `frustum_coordinates`);
            a ring of zero cells and bins surrounds them.
        weights: [N, heads, points] of the samples.
        sample: [N] long, which of the batch each query samples.

    Returns:
        [N, heads, c].
    """
    queries, heads, points, _ = locations.shape
    result = value.new_zeros(queries, heads, value.shape[2])
    for b in range(len(value)):
        mine = torch.nonzero(sample == b)[:, 0]
        for head in range(heads):
            frustum = value[b, head, :, None] * density[b]
            at = (2 * locations[mine, head] - 1).reshape(1, 1, len(mine), points, 3)
            seen = functional.grid_sample(frustum[None], at, align_corners=False)[0, :, 0]
            result[mine, head] = (seen * weights[mine, head]).sum(dim=-1).T
    return result


def sample_depth_weighted(value: Tensor, density: Tensor, locations: Tensor, weights: Tensor, sample: Tensor) -> Tensor:
    """`sample_frustum` without the frustum; arguments and result are the same.

    A ring of zeros around the maps, and a bin of zeros before the first and after the last, make every neighbour of
    every location exist; no mask is needed.
    """
    # the cell and bin before each location, and the shares of the next ones
    heads, channels, height, width = value.shape[1:]
    bins = density.shape[1]
    x, right = lower_neighbor(locations[..., 0], width)
    y, below = lower_neighbor(locations[..., 1], height)
    k, behind = lower_neighbor(locations[..., 2], bins)

    # the four neighbouring cells of the padded map: [N, heads, points, 4]
    row = width + 2
    corner = torch.tensor([0, 1, row, row + 1], device=value.device)
    cell = ((sample[:, None, None] * (height + 2) + y) * row + x)[..., None] + corner
    bilinear = torch.stack([(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below], dim=-1)

    # what each cell counts: weight of the sample, bilinear share, probability of the sample's depth in that cell
    flat_density = functional.pad(density, (1, 1, 1, 1, 1, 1)).movedim(1, -1).reshape(-1)
    at = (cell * (bins + 2) + k[..., None]).reshape(-1)
    near, far = (flat_density.index_select(0, i).view(cell.shape) for i in (at, at + 1))
    coefficients = weights[..., None] * bilinear * torch.lerp(near, far, behind[..., None])

    # rows of the feature map, padded like the cells, a row for each head
    rows = functional.pad(value, (1, 1, 1, 1)).permute(0, 3, 4, 1, 2).reshape(-1, channels).to(coefficients)
    bags = cell * heads + torch.arange(heads, device=value.device)[:, None, None]
    # each bag is the weighted sum of 4 x points rows, accumulated without storing them
    result = functional.embedding_bag(
        bags.flatten(2).flatten(0, 1),
        rows,
        per_sample_weights=coefficients.flatten(2).flatten(0, 1),
        mode="sum",
    )
    return result.unflatten(0, (-1, heads))


class DepthDeformableAttention(nn.Module):
    """Queries read the image at learned offsets around their reference point, in three dimensions.

    Args:
        channels: of the queries and of the result.
        heads: each attends to its own share of the channels.
        points: samples per head.
        context: channels of the image features.
    """

    def __init__(self, channels: int, heads: int, points: int, context: int) -> None:
        super().__init__()
        self.heads, self.points = heads, points
        self.image_offsets = nn.Linear(channels, heads * points * 2)
        self.depth_offsets = nn.Linear(channels, heads * points)
        self.weights = nn.Linear(channels, heads * points)
        self.value = nn.Linear(context, channels)
        self.output = nn.Linear(channels, channels)
        self._start_as_rings()

    def _start_as_rings(self) -> None:
        """Point p of head i starts p + 1 cells away in direction i, all with equal weights (Zhu et al. 2021)."""
        angle = torch.arange(self.heads) * (2 * math.pi / self.heads)
        direction = torch.stack([angle.cos(), angle.sin()], dim=-1)
        direction = direction / direction.abs().amax(dim=-1, keepdim=True)
        depth = (angle.cos() + angle.sin())[:, None] / 2
        distance = torch.arange(1, self.points + 1)[:, None]
        for layer in (self.image_offsets, self.depth_offsets, self.weights):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.image_offsets.bias.copy_((direction[:, None] * distance).flatten())
            self.depth_offsets.bias.copy_((depth[:, None] * distance).flatten())
        for layer in (self.value, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, queries: Tensor, context: Tensor, density: Tensor, reference: Tensor, visible: Tensor, sample: Tensor
    ) -> Tensor:
        """Attend.

        Args:
            queries: [N, channels].
            context: [B, F, h, w] image features.
            density: [B, D, h, w] probability of each depth bin.
            reference: [N, 3] frustum coordinates of the queries.
            visible: [N] bool; a query out of view attends to nothing and gets the output's bias alone.
            sample: [N] long, which of the batch each query belongs to.

        Returns:
            [N, channels].
        """
        value = functional.conv2d(context, self.value.weight[..., None, None], self.value.bias)
        value = value.unflatten(1, (self.heads, -1))
        layers = self.image_offsets, self.depth_offsets, self.weights
        weight, bias = (torch.cat(parameters) for parameters in zip(*((x.weight, x.bias) for x in layers), strict=True))
        asked = functional.linear(queries, weight, bias)
        read = self._looped if may_learn_by_loops(queries) else self._sampled
        result: Tensor = self.output(read(value, density, asked, reference, visible, sample).flatten(1))
        return result

    def _sampled(
        self, value: Tensor, density: Tensor, asked: Tensor, reference: Tensor, visible: Tensor, sample: Tensor
    ) -> Tensor:
        """Value [B, heads, c, h, w] and what the queries ask for, [N, 4 heads points] -> [N, heads, c].

        Of `asked`, offsets in cells along u and v come first, then in bins, then the logits of the weights.
        """
        words = asked.unflatten(1, (4, self.heads, self.points))
        image, depth, logits = words[:, :2].flatten(1), words[:, 2], words[:, 3]
        offsets = torch.cat([image.view(-1, self.heads, self.points, 2), depth[..., None]], dim=-1)
        height, width = value.shape[-2:]
        cells = reference.new_tensor([width, height, density.shape[1]])
        locations = reference[:, None, None] + offsets / cells
        weights = logits.softmax(dim=-1) * visible[:, None, None]
        return sample_depth_weighted(value, density, locations, weights, sample)

    def _looped(self, value: Tensor, density: Tensor, *queries: Tensor) -> Tensor:
        """The same in single precision on a CPU."""
        result: Tensor = _Attend.apply(value.permute(0, 3, 4, 1, 2), density.movedim(1, -1), *queries)
        return result


class _Attend(torch.autograd.Function):
    """Value [B, h, w, heads, c], density [B, h, w, D] and what else `attended.attend` takes -> [N, heads, c]."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, density: Tensor, asked: Tensor, *where: Tensor) -> Tensor:
        from ssc_ros.networks.lift.attended import attend  # compiles, so only where it is needed

        reference, visible, sample = where
        read = [x.float().contiguous() for x in (value, density, asked, reference)]
        result = torch.empty(len(sample), *value.shape[3:])
        what = *(x.numpy() for x in (*read, visible, sample)), result.numpy()
        loop(lambda begin, end: attend(begin, end, *what), len(sample))
        ctx.save_for_backward(*read, visible, sample)
        ctx.dtypes = value.dtype, density.dtype, asked.dtype
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        from ssc_ros.networks.lift.unattended import unattend  # compiles, so only where it is needed

        read = [x.detach() for x in ctx.saved_tensors]
        results = [torch.zeros_like(x) for x in read[:3]]
        what = [x.numpy() for x in (*read, gradient.float().contiguous(), *results)]

        def of_scenes(begin: int, end: int) -> None:
            for scene in range(begin, end):
                unattend(scene, *what)

        loop(of_scenes, len(read[0]))
        return *(x.to(dtype) for x, dtype in zip(results, ctx.dtypes, strict=True)), None, None, None
