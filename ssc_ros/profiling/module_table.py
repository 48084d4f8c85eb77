"""The modules of a network and what they cost, as a table for a terminal and as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from ssc_ros.inference.description import shape_text
from ssc_ros.profiling.summary import ModuleSummary, summarize
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import MATCHED, MEASURED, OCCUPIED, POINTS, PROPOSALS, WIDE_PROPOSALS
from ssc_ros.systems.published.sizes import PUBLISHED_SIZES

ASSUMED = {
    "proposals": PROPOSALS,
    "wide_proposals": WIDE_PROPOSALS,
    "matched": MATCHED,
    "points": POINTS,
    "occupied": OCCUPIED,
    "measured": MEASURED,
}
"""Numbers that stand for what depends on the frame, by name."""


def module_table(system: str, preset: str, depth: int) -> tuple[Table, Any]:
    """The modules of a network and what they cost, as a table and as JSON values.

    Args:
        system, preset: of the network.
        depth: levels of modules that the table shows; the values have all.

    Raises:
        SscError: no such system or preset.
    """
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
    values = [asdict(module) for module in (network, *modules)]
    content = {"system": system, "preset": preset, "assumed": ASSUMED, "modules": values}
    return table, content | ({"published": asdict(published)} if published is not None else {})


def _cells(module: ModuleSummary) -> tuple[str, ...]:
    outputs = (shape[1:] if shape[0] == 1 else shape for shape in module.outputs)
    return module.kind, f"{module.parameters:,}", f"{module.flops / 1e9:.1f}", ", ".join(map(shape_text, outputs))
