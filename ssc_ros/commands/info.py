"""`ssc-ros info`: what a system consists of, and what a checkpoint says of itself."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

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
    from ssc_ros.core.resources import find_file
    from ssc_ros.inference.description import checkpoint_table, systems_table
    from ssc_ros.profiling.module_table import module_table
    from ssc_ros.systems import SYSTEMS, spelled

    if len(args.what) > 2:
        raise SscError(f"'{' '.join(args.what)}' is not a system and a preset, and not one checkpoint")
    if len(args.what) == 2:
        table, content = module_table(args.what[0], spelled(args.what[1]), args.depth)
    elif not args.what or args.what[0] in SYSTEMS:
        table, content = systems_table(args.what or list(SYSTEMS))
    else:
        table, content = checkpoint_table(find_file(args.what[0]))
    Console().print(table)
    if args.json:
        write_atomically(args.json, (json.dumps(content, indent=2) + "\n").encode())
    return 0
