"""Where the time of an optimisation step goes, by stage.

  python benchmarks/training_step.py config/train/l2cocc_c_edge.yaml config/train/l2cocc_d_edge.yaml
  python benchmarks/training_step.py config/train/l2cocc_d_edge.yaml --flags --data.root DIR --trainer.precision 32-true

Each recipe is trained for some steps by Lightning's own loop, with samples loaded in the same process, and the clock is
read where a stage ends. CPU time is that of all threads: on a machine with other work it says more than wall time, if
threads sleep while they wait (OMP_WAIT_POLICY=passive). The first steps are not counted; nothing is kept.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from measuring import Measured, report

from ssc_ros.training.command import TrainCommand
from ssc_ros.training.training_base import TrainingBase

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "CPU": time.process_time}
WHOLE = "step"
"""All stages together."""
STAGES = ("data", "forward", "losses", "teacher", "backward", "optimizer", WHOLE)
"""In the order of the report; a recipe without a teacher has no stage of that name."""


class Stages(Callback):
    """Times of the stages of each step, in milliseconds, by clock and stage.

    Args:
        training: whose network and tutors are stages of their own.
        skipped: steps that are not counted.
    """

    def __init__(self, training: TrainingBase, skipped: int) -> None:
        self.skipped = skipped
        self.times: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._step: dict[tuple[str, str], float] = defaultdict(float)
        self._last = self._now()
        modules = {"forward": [training.network], "teacher": training.teachers}
        for stage, of_stage in modules.items():
            for module in of_stage:
                module.register_forward_pre_hook(lambda *_: self.end("losses"))
                module.register_forward_hook(lambda *_, stage=stage: self.end(stage))

    def end(self, stage: str) -> None:
        """All since the end of the last stage belongs to this one."""
        now = self._now()
        for clock, value in now.items():
            spent = 1e3 * (value - self._last[clock])
            self._step[clock, stage] += spent
            self._step[clock, WHOLE] += spent
        self._last = now

    def on_train_batch_start(self, *_: Any) -> None:
        """The batch is there."""
        self.end("data")

    def on_before_backward(self, *_: Any) -> None:
        """The losses are there."""
        self.end("losses")

    def on_after_backward(self, *_: Any) -> None:
        """The gradients are there."""
        self.end("backward")

    def on_before_zero_grad(self, *_: Any) -> None:
        """The losses are there, which Lightning logs before it begins with the gradients."""
        self.end("losses")

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """The weights are changed."""
        self.end("optimizer")
        if trainer.global_step > self.skipped:
            for key, value in self._step.items():
                self.times[key].append(value)
        self._step.clear()

    @staticmethod
    def _now() -> dict[str, float]:
        return {name: clock() for name, clock in CLOCKS.items()}


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", type=Path, nargs="+", metavar="config", help="files in config/train")
    parser.add_argument("--steps", type=int, default=30, help="that are counted (default: 30)")
    parser.add_argument("--warm-up", type=int, default=3, help="that are not (default: 3)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="flags of ssc-ros train; give them last")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    results: dict[str, Measured] = {}
    for config in args.configs:
        times = measure(config, args.steps, args.warm_up, args.flags)
        for key in itertools.product(CLOCKS, STAGES):
            if key in times:
                results[", ".join((config.stem, *key))] = Measured.of(times[key], "ms")
    report(f"an optimisation step, {args.threads} threads", results, args.json)


def measure(config: Path, steps: int, skipped: int, flags: list[str]) -> dict[tuple[str, str], list[float]]:
    """Milliseconds of each step, by clock and stage."""
    with tempfile.TemporaryDirectory() as run:
        own = {"run": run, "data.workers": 0, "trainer.max_steps": steps + skipped, "trainer.limit_val_batches": 0}
        own |= {"trainer.enable_progress_bar": "false", "trainer.enable_model_summary": "false"}
        command = TrainCommand(["--config", str(config), *(f"--{key}={value}" for key, value in own.items()), *flags])
        stages = Stages(command.model, skipped)
        command.trainer.callbacks.append(stages)
        command.trainer.fit(command.model, command.datamodule)
    return stages.times


if __name__ == "__main__":
    main()
