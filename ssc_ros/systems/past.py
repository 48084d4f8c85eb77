"""Memories of past frames: as a stream has kept them, or made anew from past images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ssc_ros.systems.spec import SceneInputs, SceneNetwork


def past_memory(inputs: SceneInputs, remember: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the memories [B, P, ...] of the past frames; those of frames that are not valid have no meaning.

    Args:
        inputs: of a network with a history.
        remember: [B, 3, H, W] uint8 images -> [B, ...] memories.
    """
    if "past_memory" in inputs:
        return inputs["past_memory"]
    # in place of a frame that is not there the current one, which disturbs no batch norm
    there = inputs["past_valid"][:, :, None, None, None]
    images = torch.where(there, inputs["past_image"], inputs["image"][:, None])
    return remember(images.flatten(0, 1)).unflatten(0, images.shape[:2])


@torch.no_grad()
def as_streamed(network: SceneNetwork, inputs: SceneInputs) -> SceneInputs:
    """Exchange past images for what a stream keeps of them, a memory of zeros: inputs as of a frame in a stream.

    Args:
        network: in evaluation mode.
        inputs: with past images, if it has a history.

    Returns:
        The inputs with `past_memory` [B, P, ...]; unchanged, if the network reads no past, or has no memory.
    """
    history = network.spec.history
    if not history.count:
        return inputs
    memory = network.remember(inputs)
    memory = network(inputs).memory if memory is None else memory
    if memory is None:
        return inputs
    kept = {"past_memory": memory.new_zeros(len(memory), history.count, *memory.shape[1:])}
    return {key: value for key, value in inputs.items() if key != "past_image"} | kept
