"""Blocks that are trained with more weights than their function needs, and melt into fewer for inference."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class Reparameterized(nn.Module, ABC):
    """A block with a smaller twin that computes the same in evaluation mode (Ding et al., RepVGG, 2021)."""

    @abstractmethod
    def fused(self) -> nn.Module:
        """The twin, with weights of its own."""


@torch.no_grad()
def fuse(network: Network) -> Network:
    """Replace every `Reparameterized` block in a network by its twin, in place; for inference alone.

    Checkpoints hold the form that is trained: its weights are the ones that training can go on from.

    Args:
        network: not itself such a block.

    Returns:
        The same network.
    """
    for name, child in network.named_children():
        if isinstance(child, Reparameterized):
            setattr(network, name, child.fused().train(child.training))
        else:
            fuse(child)
    return network


@torch.no_grad()
def absorb_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution with bias for a convolution and the batch norm behind it, by its running statistics."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be part of a convolution")
    gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
    bias = norm.running_mean.new_zeros(len(gain)) if conv.bias is None else conv.bias
    fused = copy.deepcopy(conv)
    fused.weight.copy_(conv.weight * gain[:, None, None, None])
    fused.bias = nn.Parameter(norm.bias + (bias - norm.running_mean) * gain)
    return fused


class RootMeanSquareNorm(nn.Module):
    """What is left of a layer norm if what it reads has no mean; half of its time was spent on subtracting that.

    Args:
        norm: the layer norm, over the last axis, with weight and bias.
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = copy.deepcopy(norm.weight), copy.deepcopy(norm.bias), norm.eps

    def forward(self, rows: Tensor) -> Tensor:
        """[..., C] -> the same."""
        return root_mean_square_norm(rows, self.weight, self.bias, self.eps)


def root_mean_square_norm(rows: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Layer norm over the last axis of rows [..., C] without a mean."""
    return rows * (rows.square().mean(dim=-1, keepdim=True) + eps).rsqrt() * weight + bias


@torch.no_grad()
def absorb_mean(linear: nn.Linear) -> nn.Linear:
    """A linear layer whose results are those of another one without their mean."""
    centred = copy.deepcopy(linear)
    centred.weight.sub_(linear.weight.mean(dim=0))
    centred.bias.sub_(linear.bias.mean())
    return centred
