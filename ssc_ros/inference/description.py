"""What the systems are, and what a checkpoint says of itself, as tables for a terminal and as JSON values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table

from ssc_ros.core import SscError
from ssc_ros.evaluation.results import sha256
from ssc_ros.inference.checkpoint import CheckpointMetadata, read_metadata
from ssc_ros.systems import STEREO, SYSTEMS, InputSpec, build


def systems_table(systems: Sequence[str]) -> tuple[Table, Any]:
    """A line for each preset of some systems, as a table and as JSON values."""
    table = Table("system", "preset", "reads", "image", "classes", title="systems")
    table.add_column("parameters", justify="right")
    content = []
    for system, preset in [(name, preset) for name in systems for preset in SYSTEMS[name]]:
        try:
            with torch.device("meta"):
                network = build(system, preset)
        except SscError as error:  # a library that is not installed
            table.add_row(system, preset, escape(str(error)))
            continue
        spec, size = network.spec, sum(p.numel() for p in network.parameters())
        image = spec.image_size if STEREO in spec.sensors else None
        reads = [*spec.sensors, *_past_frames(spec)]
        table.add_row(system, preset, ", ".join(reads), shape_text(image or ()), str(network.class_count), f"{size:,}")
        content.append({
            "system": system, "preset": preset, "inputs": spec.sensors, "image_size": image,
            "past_frames": spec.history.count, "classes": network.class_count, "parameters": size,
        })  # fmt: skip
    return table, content


def checkpoint_table(path: Path) -> tuple[Table, Any]:
    """What a checkpoint says of itself, as a table and as JSON values.

    Raises:
        SscError: no such file, or not a checkpoint of this project.
    """
    if not path.exists():
        raise SscError(f"'{path}' is neither a checkpoint nor a system; systems: {', '.join(SYSTEMS)}")
    metadata = read_metadata(path)
    content = json.loads(metadata.to_json()) | {"bytes": path.stat().st_size, "sha256": sha256(path)}
    grid, labels = metadata.grid, metadata.label_set
    facts = {
        "system, preset": f"{metadata.system} {metadata.preset}",
        "inputs": ", ".join([*metadata.inputs, *_past_frames_of(metadata)]),
        "grid": f"{shape_text(grid.shape)} voxels of {grid.voxel_size} m from {grid.min_corner} m in '{grid.frame_id}'",
        "label set": f"{labels.name}, {len(labels)} classes",
        "licence": metadata.licence,
        "eight bits": f"ranges of {len(metadata.activation_ranges) or 'no'} convolutions",
        "size": f"{content['bytes'] / 1e6:.1f} MB",
        "sha256": content["sha256"],
    }
    classes_last = sorted(metadata.metrics.items(), key=lambda metric: "class/" in metric[0])
    table = Table(title=metadata.model_id, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for section in (facts, metadata.provenance, {name: f"{value:.4f}" for name, value in classes_last}):
        for row in section.items():
            table.add_row(*map(escape, row))
        table.add_section()
    return table, content


def shape_text(shape: Sequence[int]) -> str:
    """Such as "256 x 256 x 32"."""
    return " x ".join(map(str, shape))


def _past_frames(spec: InputSpec) -> list[str]:
    """What a network reads of the past, if anything."""
    history = spec.history
    return [f"{history.count} past frames {history.interval:g} s apart"] if history.count else []


def _past_frames_of(metadata: CheckpointMetadata) -> list[str]:
    """The same of a checkpoint, as far as its preset can be built here."""
    try:
        with torch.device("meta"):
            return _past_frames(build(metadata.system, metadata.preset).spec)
    except SscError:
        return []
