"""Checkpoints of tiny teachers."""

from __future__ import annotations

from pathlib import Path

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.systems import SceneNetwork


def checkpoint(path: Path, network: SceneNetwork, system: str) -> Path:
    """Write a network of the preset "tiny" of a system."""
    spec = network.spec
    metadata = CheckpointMetadata(
        "tiny", system, "tiny", SEMANTIC_KITTI.name, spec.grid, spec.sensors, polar=spec.polar
    )
    save_checkpoint(path, network, metadata)
    return path
