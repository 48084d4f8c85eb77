"""Published weights of a backbone, from a folder on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ssc_ros.core import SscError

FILE = "model.safetensors"


@runtime_checkable
class Pretrained(Protocol):
    """A block that others have trained and published."""

    def load_pretrained(self, folder: Path) -> None:
        """Fill the block from a folder of the library transformers."""


def load_backbone_weights(network: nn.Module, folders: Mapping[str, Path]) -> None:
    """Fill blocks of a network, each from a folder of its own; nothing is downloaded from here.

    Args:
        network: holds the blocks.
        folders: by the path of the block in the network, such as "image.encoder.backbone".

    Raises:
        SscError: no block of that path takes published weights, or the folder holds others.
    """
    blocks = {name: module for name, module in network.named_modules() if isinstance(module, Pretrained)}
    for name, folder in folders.items():
        if name not in blocks:
            have = ", ".join(blocks) or "none"
            raise SscError(f"'{name}' is no block that takes published weights; of this network these do: {have}")
        blocks[name].load_pretrained(folder)


def read_weights(folder: Path, prefix: str) -> dict[str, Tensor]:
    """The tensors of a folder as the library transformers saves one, without a classifier's.

    Args:
        folder: holds `model.safetensors`.
        prefix: of the backbone inside a classifier, as in "swin."; taken away where it is there.

    Raises:
        SscError: no such file, or not a safetensors file.
    """
    file = folder / FILE
    try:
        tensors = load_file(file)
    except (OSError, SafetensorError) as error:
        raise SscError(f"{file}: {error}; expected pretrained weights in the format safetensors") from error
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return inside or tensors


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], source: Path) -> None:
    """Fill every parameter and buffer of a module.

    Raises:
        SscError: a name or a shape differs; the text names the source.
    """
    try:
        module.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise SscError(f"{source}: these are not the weights of this {type(module).__name__}: {error}") from error


def renamed(weights: Mapping[str, Tensor], beginnings: Mapping[str, str]) -> dict[str, Tensor]:
    """The same tensors under our names.

    Args:
        weights: by the name that the library gives them.
        beginnings: of a name there -> here; names that begin otherwise stay.
    """
    ours = {}
    for name, tensor in weights.items():
        theirs = next((beginning for beginning in beginnings if name.startswith(beginning)), "")
        ours[beginnings.get(theirs, "") + name.removeprefix(theirs)] = tensor
    return ours
