"""Loading samples: shuffled and resumable for training, in order for validation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection
from typing import Any

import lightning
from torch.utils.data import DataLoader, Dataset

from ssc_ros.core import SscError
from ssc_ros.training.sampler import Draw, ShuffledSampler


class Samples(Dataset[Any]):
    """A data set: a whole number gives a sample as it is, a `Draw` an augmented one."""

    @abstractmethod
    def __len__(self) -> int:
        """How many."""

    @abstractmethod
    def __getitem__(self, key: int | Draw) -> Any:
        """One of them."""

    @abstractmethod
    def describe(self) -> str:
        """One line on them."""


class TrainingData(lightning.LightningDataModule):
    """Samples to train and to validate on.

    Args:
        train, validation: the samples.
        collate: makes a batch of samples.
        batch_size: samples per step and process.
        workers: loader processes; 0 loads in the training process.
        seed: of order and augmentation.
    """

    def __init__(
        self,
        train: Samples,
        validation: Samples,
        collate: Callable[[Any], Any],
        batch_size: int,
        workers: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.train_samples, self.validation_samples = train, validation
        self.collate, self.batch_size, self.workers, self.seed = collate, batch_size, workers, seed

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled, augmented batches, from the place where an interrupted run stopped."""
        samples = self.train_samples
        sampler = ShuffledSampler(samples, self.seed)
        if (trainer := self.trainer) is not None:
            batches = trainer.fit_loop.epoch_loop.batch_progress.current.processed  # type: ignore[attr-defined]
            place = trainer.world_size, trainer.global_rank, trainer.current_epoch, batches * self.batch_size
            sampler = ShuffledSampler(samples, self.seed, *place)
        return DataLoader(
            samples,
            self.batch_size,
            sampler=sampler,
            num_workers=self.workers,
            collate_fn=self.collate,
            persistent_workers=self.workers > 0,
        )

    def val_dataloader(self) -> DataLoader[Any]:
        """Samples as they are, in order."""
        return DataLoader(self.validation_samples, self.batch_size, num_workers=self.workers, collate_fn=self.collate)


def require_separate(train: Collection[str], validation: Collection[str]) -> None:
    """Make sure that nothing is trained on that is validated on.

    Raises:
        SscError: a sequence is in both; the text names it.
    """
    shared = sorted(set(train) & set(validation))
    if shared:
        raise SscError(f"sequences {', '.join(shared)} are in data.train and in data.validation; separate them")
