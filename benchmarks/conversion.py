"""How long a 2 MiB grid takes to become a message, and back.

python benchmarks/conversion.py [--repeats 200] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from measuring import Measured, repeated, report

from ssc_ros.core import SemanticGrid
from ssc_ros.messages.codec import Encoding, decode, encode
from ssc_ros.profiling.ros.made_up import street
from ssc_ros.ros.outputs.messages import occupancy_map, surface_cloud
from ssc_ros_msgs.msg import SemanticVoxelGrid


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    grid = replace(street(), confidence=None)
    free = ("road", "parking", "sidewalk", "terrain")
    results = {}
    for encoding in Encoding:
        message = written(grid, encoding)
        name = f"{encoding.name.lower()} ({len(message.labels) / 1e6:.2f} MB)"
        limit = None if encoding.compressed else 2.0
        results[f"grid -> {name}"] = milliseconds(args.repeats, written, grid, encoding, limit=limit)
        results[f"{name} -> grid"] = milliseconds(args.repeats, decode, message)
    results["grid -> surface cloud"] = milliseconds(args.repeats // 4, surface_cloud, grid)
    results["grid -> flat map"] = milliseconds(args.repeats // 4, occupancy_map, grid, free, -1.4, 0.6)
    occupied = 100 * grid.occupied.mean()
    report(f"conversion of a 256 x 256 x 32 grid, {occupied:.1f} % occupied", results, args.json)


def written(grid: SemanticGrid, encoding: Encoding) -> SemanticVoxelGrid:
    """The message of a grid."""
    return encode(grid, encoding).fill(SemanticVoxelGrid())


def milliseconds(repeats: int, function: Callable[..., Any], *args: Any, limit: float | None = None) -> Measured:
    """Time of a call, after one that does not count."""
    function(*args)
    spans = repeated(partial(function, *args), repeats)
    return Measured.of([1e3 * span.wall for span in spans], "ms", limit)


if __name__ == "__main__":
    main()
