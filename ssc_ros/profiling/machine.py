"""The machine: what it is, how loaded it is, what memory of its GPUs this process holds."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

MEGABYTE = 1e6


def machine() -> dict[str, str]:
    """The machine and its load, as far as they explain a number."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "software": f"Python {platform.python_version()}, {platform.system()} {platform.release()}",
    }


def peak_gpu_memory() -> float | None:
    """The most that torch has asked of all CUDA GPUs for so far [MB], graphs included; None where it uses none."""
    if not torch.cuda.is_initialized():
        return None
    return sum(map(torch.cuda.max_memory_reserved, range(torch.cuda.device_count()))) / MEGABYTE
