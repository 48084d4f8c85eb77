"""A checkpoint that the authors of a network have published, as one of this project."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.evaluation.results import sha256
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.systems import build
from ssc_ros.systems.published.weights import PUBLISHED_MODULES, import_published

PRESET = "full"
"""What is published has the sizes of the paper."""


def import_checkpoint(system: str, source: Path, target: Path, licence: str) -> None:
    """Rename the tensors of a published checkpoint and write them with their metadata; nothing in it is executed.

    Args:
        system: whose weights they are, one of `PUBLISHED_MODULES`.
        source: the published checkpoint, a pickle of tensors.
        target: the `.safetensors` file; its folder is made.
        licence: of the weights.

    Raises:
        SscError: names of this system are not known, or the file is no such checkpoint.
    """
    if system not in PUBLISHED_MODULES:
        raise SscError(f"no published names of '{system}' are known, only of {', '.join(PUBLISHED_MODULES)}")
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SscError(f"'{source}' cannot be read as a PyTorch checkpoint of tensors: {reason}") from error
    network = build(system, PRESET)
    import_published(network, system, content)
    spec = network.spec
    metadata = CheckpointMetadata(
        model_id=target.stem,
        system=system,
        preset=PRESET,
        label_set_name=SEMANTIC_KITTI.name,
        grid=spec.grid,
        inputs=spec.sensors,
        polar=spec.polar,
        provenance={"imported": source.name, "sha256": sha256(source)},
        licence=licence,
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(target, network, metadata)
