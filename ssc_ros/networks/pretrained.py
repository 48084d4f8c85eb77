"""Published weights of a backbone, from a folder on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ssc_ros.core import SscError

FILE = "model.safetensors"


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
