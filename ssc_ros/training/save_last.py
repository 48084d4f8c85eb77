"""Saving the state of a run, so that a killed one goes on where it was."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer


class SaveLast(Callback):
    """Keep one checkpoint up to date: between steps once the interval has passed, and after each epoch.

    Lightning's own `save_last` moves only when its `ModelCheckpoint` saves something else. Nothing is saved on an
    exception: it may have come from within an optimiser step.

    Args:
        path: of the checkpoint; each replaces the one before, whole or not at all.
        minutes: between checkpoints, and so the most that a killed run loses.
    """

    def __init__(self, path: Path, minutes: float) -> None:
        self.path, self.minutes = path, minutes
        self._saved = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save if it is time; the processes agree by the first one's clock."""
        due = time.monotonic() - self._saved >= 60 * self.minutes
        if trainer.strategy.broadcast(due):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved = time.monotonic()
