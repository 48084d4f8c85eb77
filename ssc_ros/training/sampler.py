"""The order of samples, as a function of seed, epoch and position alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Dataset, DistributedSampler


@dataclass(frozen=True)
class Draw:
    """Which sample to take, and the seed of its augmentation."""

    index: int
    seed: int


class ShuffledSampler(DistributedSampler[Draw]):
    """A fresh permutation every epoch, shared out among processes, that can start in the middle of an epoch.

    Nothing is remembered from step to step: order and augmentation follow from (seed, epoch, position). So neither
    the number of loader workers nor an interruption changes what a run sees.

    Args:
        dataset: what is sampled; only its length is used.
        seed: of the run.
        replicas, rank: number of processes and the place among them.
        epoch: the first epoch to be iterated.
        start: how many samples of that epoch this process has seen already; if all, the next epoch is the first.
    """

    def __init__(
        self, dataset: Dataset, seed: int, replicas: int = 1, rank: int = 0, epoch: int = 0, start: int = 0
    ) -> None:
        super().__init__(dataset, num_replicas=replicas, rank=rank, seed=seed)
        finished = start >= len(self)
        self.first_epoch, self.start = (epoch + 1, 0) if finished else (epoch, start)
        self.set_epoch(self.first_epoch)

    def __iter__(self) -> Iterator[Draw]:
        order: list[int] = list(super().__iter__())  # type: ignore[arg-type]  # the base class yields indices
        seeds = np.random.SeedSequence([self.seed, self.epoch, self.rank]).generate_state(len(order), np.uint32)
        start = self.start if self.epoch == self.first_epoch else 0
        for position in range(start, len(order)):
            yield Draw(order[position], int(seeds[position]))
