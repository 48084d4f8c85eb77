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
PRESET = "full"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("system", help="cylinder3d or polarnet")
    parser.add_argument("weights", type=Path, metavar="FILE", help="the published checkpoint (.pt, .pth)")
    parser.add_argument("--deploy", type=Path, required=True, metavar="OUT", help="the .safetensors file to write")
    parser.add_argument("--licence", default="unknown", metavar="TEXT", help="of the weights (default: unknown)")


def run(args: argparse.Namespace) -> int:
    """Convert."""
    import pickle

    import torch

    from ssc_ros.core import SEMANTIC_KITTI, SscError
    from ssc_ros.evaluation.results import sha256
    from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
    from ssc_ros.systems import build
    from ssc_ros.systems.published.weights import PUBLISHED_MODULES, import_published

    if args.system not in PUBLISHED_MODULES:
        raise SscError(f"no published names of '{args.system}' are known, only of {', '.join(PUBLISHED_MODULES)}")
    try:
        content = torch.load(args.weights, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SscError(f"'{args.weights}' cannot be read as a PyTorch checkpoint of tensors: {reason}") from error
    network = build(args.system, PRESET)
    import_published(network, args.system, content)
    spec = network.spec
    metadata = CheckpointMetadata(
        model_id=args.deploy.stem,
        system=args.system,
        preset=PRESET,
        label_set_name=SEMANTIC_KITTI.name,
        grid=spec.grid,
        inputs=spec.sensors,
        polar=spec.polar,
        provenance={"imported": args.weights.name, "sha256": sha256(args.weights)},
        licence=args.licence,
    )
    args.deploy.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(args.deploy, network, metadata)
    print(args.deploy)
    return 0
