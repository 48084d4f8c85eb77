"""Time of a sweep, from points to a class for each, for sweeps of several sizes.

  python benchmarks/segmentation.py models/polarnet_edge.safetensors --data ~/kitti
  python benchmarks/segmentation.py models/polarnet_edge.safetensors --points 120000 2000000 --threads 2 --json seg.json
  python benchmarks/segmentation.py --system polarnet --preset full --data ~/kitti        # with random weights

A sweep of N points is the first of a sequence, repeated with 2 cm of noise or cut to that size; without --data it is
made up. Wall time is what a robot waits; the CPU time of all threads says what a busy machine would have taken alone.
Memory is the growth of the process's peak resident size over the first prediction at each size.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from measuring import Measured, repeated, report
from numpy.typing import NDArray

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.data.sweeps import open_sweeps
from ssc_ros.inference.backends.backend import AUTO
from ssc_ros.inference.checkpoint import CheckpointMetadata
from ssc_ros.inference.segmenter import PointSegmenter
from ssc_ros.kernels.memory import peak_memory
from ssc_ros.networks.reparameterize import fuse
from ssc_ros.systems import build

SWEEP = 120_000
LIMIT_MS = 100.0
MEBIBYTE = 1 << 20


def sweep(count: int, root: Path | None, sequence: str) -> NDArray[np.float32]:
    """(count, 4) points."""
    rng = np.random.default_rng(0)
    if root is None:
        distance, azimuth = rng.gamma(2, 8, count), rng.uniform(-np.pi, np.pi, count)
        x, y = distance * np.cos(azimuth), distance * np.sin(azimuth)
        return np.stack([x, y, rng.uniform(-2, 1, count), rng.random(count)], axis=1).astype(np.float32)
    (drive,) = open_sweeps([root], [sequence])
    measured = drive.points(drive.sweep_ids[0])
    points = np.tile(measured, (-(-count // len(measured)), 1))[:count]
    points[len(measured) :, :3] += rng.normal(0, 0.02, points[len(measured) :, :3].shape).astype(np.float32)
    return points


def untrained(system: str, preset: str, backend: str) -> PointSegmenter:
    """A preset with random weights."""
    network = build(system, preset).eval()
    spec = network.spec
    metadata = CheckpointMetadata(
        f"{system}_{preset}_untrained", system, preset, SEMANTIC_KITTI.name, spec.grid, spec.sensors, polar=spec.polar
    )
    return PointSegmenter(fuse(network), metadata, "cpu", backend)


def measure(segmenter: PointSegmenter, points: NDArray[np.float32], repeats: int) -> dict[str, Measured]:
    """Times of predictions after a first one, and the memory of that."""
    before = peak_memory()
    segmenter.segment(points)
    grown = (peak_memory() - before) / MEBIBYTE
    spans = repeated(lambda: segmenter.segment(points), repeats)
    limit = LIMIT_MS if len(points) == SWEEP else None
    name = f"{len(points):,} points"
    return {
        f"{name}, wall": Measured.of([1e3 * span.wall for span in spans], "ms", limit),
        f"{name}, CPU": Measured.of([1e3 * span.cpu for span in spans], "ms"),
        f"{name}, memory": Measured.of([grown], "MiB"),
    }


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("checkpoint", type=Path, nargs="?")
    what.add_argument("--system", choices=("polarnet", "cylinder3d"))
    parser.add_argument("--preset", default="edge", help="of --system (default: edge)")
    parser.add_argument("--points", type=int, nargs="+", default=[SWEEP, 2_000_000])
    parser.add_argument("--data", type=Path, default=os.environ.get("SSC_KITTI_ROOT"), help="default: SSC_KITTI_ROOT")
    parser.add_argument("--sequence", default="08")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, help="of torch (default: torch's own choice)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--backend", default=AUTO, help="torch, torch-bf16 or auto, as in the node (default)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    made_up, path = args.system, args.checkpoint
    backend = args.backend
    segmenter = (
        untrained(made_up, args.preset, backend)
        if made_up
        else PointSegmenter.from_checkpoint(path, args.device, backend=backend)
    )
    segmenter.warm_up()
    results: dict[str, Measured] = {}
    for count in args.points:
        results |= measure(segmenter, sweep(count, args.data, args.sequence), args.repeats)
    threads = torch.get_num_threads()
    source = f"{args.data.name}, {args.sequence}" if args.data else "a made-up sweep"
    report(
        f"{segmenter.metadata.model_id}, {segmenter.backend}, {threads} threads of {args.device}; {source}",
        results,
        args.json,
    )


if __name__ == "__main__":
    main()
