"""Depth-aware deformable attention (DFA3D, Li et al. 2023) in plain torch.

An image feature stands at every depth of its ray, weighted by the probability of that depth. Queries sample this
frustum of features at points that they choose. The frustum (channels x depth x height x width) is never built: the
trilinear sample of a product is, at each of the four neighbouring cells, the feature times the interpolated
probability, so that a sample is a weighted sum of four rows of the feature map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.lift.frustum import lower_neighbor
from ssc_ros.networks.loops import loop, may_loop


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

    flat_density = functional.pad(density, (1, 1, 1, 1, 1, 1)).movedim(1, -1).reshape(-1)
    at = (cell * (bins + 2) + k[..., None]).reshape(-1)
    near, far = (flat_density.index_select(0, i).view(cell.shape) for i in (at, at + 1))
    coefficients = weights[..., None] * bilinear * torch.lerp(near, far, behind[..., None])

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


def sample_without_gradients(
    value: Tensor, density: Tensor, locations: Tensor, weights: Tensor, sample: Tensor
) -> Tensor:
    """`sample_depth_weighted` on a CPU, in single precision, without gradients; arguments and result are the same."""
    from ssc_ros.networks.lift.attended import attend  # compiles, so only where it is needed

    result = torch.empty(len(sample), *value.shape[1:3])
    rows, *others = (
        x.float().contiguous().numpy()
        for x in (value.permute(0, 3, 4, 1, 2), density.movedim(1, -1), locations, weights)
    )
    what = rows, *others, sample.numpy(), result.numpy()
    loop(lambda begin, end: attend(begin, end, *what), len(sample))
    return result


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
        height, width = context.shape[-2:]
        value = functional.conv2d(context, self.value.weight[..., None, None], self.value.bias)
        offsets = torch.cat(
            [
                self.image_offsets(queries).view(-1, self.heads, self.points, 2),
                self.depth_offsets(queries).view(-1, self.heads, self.points, 1),
            ],
            dim=-1,
        )
        cells = reference.new_tensor([width, height, density.shape[1]])
        locations = reference[:, None, None] + offsets / cells
        weights = self.weights(queries).view(-1, self.heads, self.points).softmax(dim=-1) * visible[:, None, None]
        read = sample_without_gradients if may_loop(queries) else sample_depth_weighted
        sampled = read(value.unflatten(1, (self.heads, -1)), density, locations, weights, sample)
        result: Tensor = self.output(sampled.flatten(1))
        return result
