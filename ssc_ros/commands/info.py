"""`ssc-ros info`: what a system consists of, and what a checkpoint says of itself."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from ssc_ros.inference.checkpoint import CheckpointMetadata
    from ssc_ros.profiling.summary import ModuleSummary
    from ssc_ros.systems import InputSpec

HELP = "list the systems, the modules of one with their cost, or what a checkpoint is"
DESCRIPTION = """\
Without arguments, the systems and their presets. With a system and a preset, its modules: parameters, floating point
operations and output shape of one forward pass at batch 1. Nothing is run for it, so the largest network takes seconds
and no memory. With a checkpoint, what the file says of itself.

  ssc-ros info
  ssc-ros info l2cocc full
  ssc-ros info l2cocc edge --depth 3 --json edge.json
  ssc-ros info models/l2cocc_lidar_edge.safetensors

GFLOPs are 2 per multiplication with addition, of convolutions and matrix products alone; halve them to compare with
papers that count pairs. Where the cost depends on what is sensed, the numbers of SemanticKITTI's frame 08/000000 stand
in; they are printed below the table. Of a network that reads past frames, their memory is an input, as in a stream.
Outputs are channels x X x Y x Z, or channels x height x width.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", nargs="*", metavar="SYSTEM PRESET | FILE", help="a system and preset, or a checkpoint")
    parser.add_argument("--depth", type=int, default=2, metavar="N", help="levels of modules to show (default: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON, all levels of modules")


def run(args: argparse.Namespace) -> int:
    """Print."""
    from rich.console import Console

    from ssc_ros.core import SscError
    from ssc_ros.core.files import write_atomically
    from ssc_ros.systems import SYSTEMS, spelled

    if len(args.what) > 2:
        raise SscError(f"'{' '.join(args.what)}' is not a system and a preset, and not one checkpoint")
    if len(args.what) == 2:
        table, content = _modules(args.what[0], spelled(args.what[1]), args.depth)
    elif not args.what or args.what[0] in SYSTEMS:
        table, content = _overview(args.what or list(SYSTEMS))
    else:
        table, content = _checkpoint(Path(args.what[0]))
    Console().print(table)
    if args.json:
        write_atomically(args.json, (json.dumps(content, indent=2) + "\n").encode())
    return 0


def _overview(systems: Sequence[str]) -> tuple[Table, Any]:
    """A line for each preset of some systems."""
    import torch
    from rich.markup import escape
    from rich.table import Table

    from ssc_ros.core import SscError
    from ssc_ros.systems import STEREO, SYSTEMS, build

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
        table.add_row(system, preset, ", ".join(reads), _shape(image or ()), str(network.class_count), f"{size:,}")
        content.append({
            "system": system, "preset": preset, "inputs": spec.sensors, "image_size": image,
            "past_frames": spec.history.count, "classes": network.class_count, "parameters": size,
        })  # fmt: skip
    return table, content


def _modules(system: str, preset: str, depth: int) -> tuple[Table, Any]:
    """The modules of a network and what they cost."""
    from dataclasses import asdict

    from rich.table import Table

    from ssc_ros.profiling.summary import summarize
    from ssc_ros.systems import build
    from ssc_ros.systems.dry_run import MATCHED, MEASURED, OCCUPIED, POINTS, PROPOSALS, WIDE_PROPOSALS
    from ssc_ros.systems.published.sizes import PUBLISHED_SIZES

    network, *modules = summarize(lambda: build(system, preset))
    table = Table(
        title=f"{system} {preset}",
        caption=f"Batch 1. Assumed: {PROPOSALS:,} proposed voxels, or {WIDE_PROPOSALS:,} wide ones; "
        f"{MATCHED:,} matched pixels in each frame's box; "
        f"{POINTS:,} points of a sweep in {OCCUPIED:,} voxels, or {MEASURED:,} in polar cells. "
        "A module that is called several times shows all operations and its last output.",
    )
    table.add_column("module", no_wrap=True)
    table.add_column("class")
    table.add_column("parameters", justify="right")
    table.add_column("GFLOPs", justify="right")
    table.add_column("output")
    for row in (m for m in modules if m.depth <= depth):
        name = "  " * (row.depth - 1) + row.name.rpartition(".")[2]
        table.add_row(name, *_cells(row))
    table.add_section()
    table.add_row("total", *_cells(network))
    published = PUBLISHED_SIZES.get((system, preset))
    if published is not None:
        table.add_row("published", "", f"{published.parameters:,}", "", published.remark)
    assumed = {
        "proposals": PROPOSALS,
        "wide_proposals": WIDE_PROPOSALS,
        "matched": MATCHED,
        "points": POINTS,
        "occupied": OCCUPIED,
        "measured": MEASURED,
    }
    modules_content = [asdict(module) for module in (network, *modules)]
    content = {"system": system, "preset": preset, "assumed": assumed, "modules": modules_content}
    return table, content | ({"published": asdict(published)} if published is not None else {})


def _cells(module: ModuleSummary) -> tuple[str, ...]:
    outputs = (shape[1:] if shape[0] == 1 else shape for shape in module.outputs)
    return module.kind, f"{module.parameters:,}", f"{module.flops / 1e9:.1f}", ", ".join(map(_shape, outputs))


def _checkpoint(path: Path) -> tuple[Table, Any]:
    """What a checkpoint says of itself."""
    from rich.markup import escape
    from rich.table import Table

    from ssc_ros.core import SscError
    from ssc_ros.evaluation.results import sha256
    from ssc_ros.inference.checkpoint import read_metadata
    from ssc_ros.systems import SYSTEMS

    if not path.exists():
        raise SscError(f"'{path}' is neither a checkpoint nor a system; systems: {', '.join(SYSTEMS)}")
    metadata = read_metadata(path)
    content = json.loads(metadata.to_json()) | {"bytes": path.stat().st_size, "sha256": sha256(path)}
    grid, labels = metadata.grid, metadata.label_set
    facts = {
        "system, preset": f"{metadata.system} {metadata.preset}",
        "inputs": ", ".join([*metadata.inputs, *_past_frames_of(metadata)]),
        "grid": f"{_shape(grid.shape)} voxels of {grid.voxel_size} m from {grid.min_corner} m in '{grid.frame_id}'",
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


def _past_frames(spec: InputSpec) -> list[str]:
    """What a network reads of the past, if anything."""
    history = spec.history
    return [f"{history.count} past frames {history.interval:g} s apart"] if history.count else []


def _past_frames_of(metadata: CheckpointMetadata) -> list[str]:
    """The same of a checkpoint, as far as its preset can be built here."""
    import torch

    from ssc_ros.core import SscError
    from ssc_ros.systems import build

    try:
        with torch.device("meta"):
            return _past_frames(build(metadata.system, metadata.preset).spec)
    except SscError:
        return []


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
