"""How fast this machine is at what the peers' machine was measured at, so that times of both may be compared.

  python benchmarks/reference.py --threads 2

A product of two matrices and the convolution that the published networks spend most of their time in, in single
precision, as often as their own code was measured. Speeds within a fifth of the peers' are the same machine: so much
did two runs of one network differ there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from measuring import Measured, repeated, report
from peers import CONVOLUTION, CONVOLUTION_LAST, PRODUCT, SPEEDS
from torch import Tensor, nn

SIDE = 4096
"""Of the square matrices."""
CHANNELS, KERNEL, VOLUME = 128, 3, (128, 128, 16)
REPEATS = 6


def operations() -> dict[str, tuple[float, Callable[[], Tensor]]]:
    """Each reference: its floating-point operations, and what does them once."""
    a, b = torch.randn(2, SIDE, SIDE)
    convolution = nn.Conv3d(CHANNELS, CHANNELS, KERNEL, padding=1)
    volume = torch.randn(1, CHANNELS, *VOLUME)
    last = nn.Conv3d(CHANNELS, CHANNELS, KERNEL, padding=1).to(memory_format=torch.channels_last_3d)
    volume_last = volume.contiguous(memory_format=torch.channels_last_3d)
    work = 2.0 * CHANNELS**2 * KERNEL**3 * volume[0, 0].numel()
    return {
        PRODUCT: (2.0 * SIDE**3, lambda: a @ b),
        CONVOLUTION: (work, lambda: convolution(volume)),
        CONVOLUTION_LAST: (work, lambda: last(volume_last)),
    }


@torch.inference_mode()
def speeds(repeats: int) -> dict[str, Measured]:
    """GFLOPs a second of each reference, behind what the peers' machine had."""
    found = {}
    for name, (work, run) in operations().items():
        run()
        measured = [1e-9 * work / span.wall for span in repeated(run, repeats)]
        found[f"{name} (the peers' machine: {SPEEDS[name]})"] = Measured.of(measured, "GFLOPs")
    return found


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"(default: {REPEATS})")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2, as the peers had)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    report(f"GFLOPs in a second, single precision, {args.threads} threads", speeds(args.repeats), args.json)


if __name__ == "__main__":
    main()
