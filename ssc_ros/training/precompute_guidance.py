"""What a language teacher says of all images of a training, computed before the training."""

from __future__ import annotations

import torch
from rich.progress import track

from ssc_ros.core import SscError
from ssc_ros.training.command import TrainCommand


def precompute_guidance(arguments: list[str]) -> int:
    """Ask the teacher of a training about every image of it, unless that was done before.

    Args:
        arguments: of the training, as `train` takes them.

    Returns:
        Exit status 0.

    Raises:
        SscError: data or a teacher that cannot be used, or a training without a language teacher.
    """
    data = TrainCommand(arguments).datamodule
    guidance, scenes = data.train_scenes.guidance, data.train_scenes.guided()
    if guidance is None:
        raise SscError("this training asks no language teacher; name one: --model.guidance.teacher FILE")
    stale, name = guidance.stale(scenes), guidance.guide.teacher.name
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for _ in track(guidance.make(stale, device), f"asking {name}", total=len(stale)):
        pass
    print(f"{name}: {len(stale)} of {len(scenes)} images asked, the others were there; see {guidance.folder}")
    return 0
