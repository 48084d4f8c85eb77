"""`ssc-ros import-weights`: a checkpoint that others have published, as one that every command opens."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "turn a published PyTorch checkpoint into one that the node and every command open"
DESCRIPTION = """\
Renames the tensors of a checkpoint that the authors of a network have published, and writes a checkpoint of this
project with them, of the preset full. Nothing in the file is executed.

  ssc-ros import-weights cylinder3d model_save.pt --deploy models/cylinder3d_kitti.safetensors
  ssc-ros import-weights polarnet SemKITTI_PolarSeg.pt --deploy models/polarnet_kitti.safetensors
  ssc-ros evaluate --task segmentation --checkpoint models/cylinder3d_kitti.safetensors --data ~/kitti
  ssc-ros node --segmentation models/cylinder3d_kitti.safetensors

Known are cylinder3d and polarnet, for 20 classes (unlabelled included), with kernels as spconv 1 or spconv 2 has them.
Published networks have their licences: say which, with --licence.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("system", help="cylinder3d or polarnet")
    parser.add_argument("weights", type=Path, metavar="FILE", help="the published checkpoint (.pt, .pth)")
    parser.add_argument("--deploy", type=Path, required=True, metavar="OUT", help="the .safetensors file to write")
    parser.add_argument("--licence", default="unknown", metavar="TEXT", help="of the weights (default: unknown)")


def run(args: argparse.Namespace) -> int:
    """Convert."""
    from ssc_ros.inference.published_checkpoint import import_checkpoint

    import_checkpoint(args.system, args.weights, args.deploy, args.licence)
    print(args.deploy)
    return 0
