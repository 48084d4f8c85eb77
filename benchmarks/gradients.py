"""How strongly each term of a training's objective pulls at the network, and whether towards where the truth pulls.

  python benchmarks/gradients.py config/train/l2cocc_d_edge.yaml --weights models/l2cocc_edge.safetensors

For batches of the training scenes or sweeps, the gradient of every weighted term by itself with respect to all
parameters of the network: its norm, and the cosine between it and the gradient of the terms of the truth together. A
term of a teacher whose norm is far above the others' decides where the network goes; one whose cosine is about zero
goes elsewhere than the truth. Norms are relative to that of the truth. Nothing is trained.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from measuring import Measured, report
from torch import Tensor

from ssc_ros.inference.checkpoint import load_checkpoint
from ssc_ros.training.command import TrainCommand
from ssc_ros.training.training_base import TrainingBase


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="file in config/train")
    parser.add_argument("--weights", type=Path, help="checkpoint of the network (default: as training starts)")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="flags of ssc-ros train; give them last")
    args = parser.parse_args()
    command = TrainCommand(["--config", str(args.config), *args.flags])
    training, data = command.model, command.datamodule
    if args.weights:
        network, _ = load_checkpoint(args.weights)
        training.network.load_state_dict(network.state_dict())
    data.prepare_data()
    training.network.train()

    measured: dict[str, list[float]] = defaultdict(list)
    for index, batch in zip(range(args.batches), data.train_dataloader(), strict=False):
        for name, value in pulls(training, batch, index).items():
            measured[name].append(value)
    results = {name: Measured.of(values, "") for name, values in measured.items()}
    report(f"gradients of {args.config.stem}, relative to those of the truth", results, args.json)


def pulls(training: TrainingBase, batch: Any, seed: int) -> dict[str, float]:
    """Norm of each term's gradient and its cosine with that of the truth, by name."""
    generator, lesson = torch.Generator().manual_seed(seed), training.lesson(batch)
    torch.manual_seed(seed)
    network = training.network
    output = network(lesson.inputs)
    truth = training.loss_terms(output, batch, generator)
    taught: dict[str, Tensor] = {}
    for tutor in training.teachers:
        taught |= tutor(output, lesson, generator)
    parameters = [p for p in network.parameters() if p.requires_grad]

    def gradient(term: Tensor) -> Tensor:
        each = torch.autograd.grad(term, parameters, retain_graph=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in each])

    reference = gradient(torch.stack(list(truth.values())).sum())
    result: dict[str, float] = {}
    for name, term in {**truth, **taught}.items():
        own = gradient(term)
        result[f"{name}, norm"] = float(own.norm() / reference.norm())
        result[f"{name}, cosine"] = float(own @ reference / (own.norm() * reference.norm()).clamp(min=1e-12))
    return result


if __name__ == "__main__":
    main()
