"""Labelled LiDAR sweeps of SemanticKITTI-layout folders as a Lightning data module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ssc_ros.core import EMPTY, LABEL_SETS, LabelSet, SscError
from ssc_ros.data.sweeps import SweepSequence, open_sweeps
from ssc_ros.systems import SceneInputs
from ssc_ros.training.sampler import Draw
from ssc_ros.training.sweep_augmentation import SweepAugmentation
from ssc_ros.training.training_data import Samples, TrainingData, require_separate

NEVER_TRAINED_ON = ("08", "11")
"""SemanticKITTI's validation sequence, and Synth-KITTI's second one (11 of SemanticKITTI has no public labels)."""


class SweepSample(NamedTuple):
    """A sweep, or a batch of sweeps.

    Attributes:
        inputs: `cloud`, see `SceneInputs`.
        labels: ([B,] N) uint8 train ids of its points; 0 is unlabelled, and padding.
    """

    inputs: SceneInputs
    labels: Tensor


class Sweeps(Samples):
    """The labelled sweeps of sequences: a whole number gives one as it is, a `Draw` an augmented one.

    Attributes:
        sweeps: sequence and name of each.
    """

    def __init__(
        self, sequences: Sequence[SweepSequence], label_set: LabelSet, augmentation: SweepAugmentation, stride: int = 1
    ) -> None:
        self.sweeps = [(sequence, i) for sequence in sequences for i in sequence.labelled_ids][::stride]
        self.label_set, self.augmentation = label_set, augmentation

    def __len__(self) -> int:
        return len(self.sweeps)

    def __getitem__(self, key: int | Draw) -> SweepSample:
        sequence, sweep_id = self.sweeps[key if isinstance(key, int) else key.index]
        cloud = torch.from_numpy(sequence.points(sweep_id))
        classes = torch.from_numpy(self._classes(sequence, sweep_id))
        if isinstance(key, Draw):
            cloud = self.augmentation(cloud, classes, torch.Generator().manual_seed(key.seed))
        return SweepSample({"cloud": cloud}, classes)

    def describe(self) -> str:
        """One line on them."""
        return f"{len(self)} sweeps of sequences {', '.join(sorted({sequence.name for sequence, _ in self.sweeps}))}"

    def class_shares(self, at_most: int = 200) -> NDArray[np.float64]:
        """(C,) share of each class among the points, of all sweeps or of `at_most`, spread evenly."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(at_most, len(self))).round().astype(int))
        classes = [self._classes(*self.sweeps[i]) for i in chosen]
        counts = np.sum([np.bincount(c, minlength=len(self.label_set)) for c in classes], axis=0)
        return np.asarray(counts / max(1, counts.sum()))

    def _classes(self, sequence: SweepSequence, sweep_id: str) -> NDArray[np.uint8]:
        return self.label_set.train_from_raw_points(sequence.labels(sweep_id))


def collate_sweeps(samples: Sequence[SweepSample]) -> SweepSample:
    """A batch; sweeps are filled up with rows of NaN, which are unlabelled, to the length of the longest."""
    clouds = pad_sequence([sample.inputs["cloud"] for sample in samples], True, torch.nan)
    return SweepSample({"cloud": clouds}, pad_sequence([sample.labels for sample in samples], True, EMPTY))


class SweepData(TrainingData):
    """Training and validation sweeps.

    Args:
        label_set: name of the label set; given by the model.
        root: one or more folders in the SemanticKITTI layout; of a sequence only velodyne and labels are read.
        train: sequences to train on; 08 and 11 cannot be among them.
        validation: sequences to validate on; must not be trained on.
        augmentation: what training does to a sweep.
        batch_size: sweeps per step and process.
        workers: loader processes; 0 loads in the training process.
        validation_stride: validate on every n-th labelled sweep.
        seed: of order and augmentation.
    """

    def __init__(
        self,
        label_set: str,
        root: Path | list[Path],
        train: list[str],
        validation: list[str],
        augmentation: SweepAugmentation = SweepAugmentation(),  # noqa: B008 (frozen)
        batch_size: int = 1,
        workers: int = 1,
        validation_stride: int = 1,
        seed: int = 0,
    ) -> None:
        require_separate(train, validation)
        if reserved := sorted(set(train) & set(NEVER_TRAINED_ON)):
            raise SscError(f"sequences {', '.join(reserved)} are for validation alone; take them out of data.train")
        roots = root if isinstance(root, list) else [root]
        self.train_sweeps = Sweeps(open_sweeps(roots, train), LABEL_SETS[label_set], augmentation)
        self.validation_sweeps = Sweeps(
            open_sweeps(roots, validation), LABEL_SETS[label_set], augmentation, validation_stride
        )
        for name, sweeps in (("train", self.train_sweeps), ("validation", self.validation_sweeps)):
            if not len(sweeps):
                raise SscError(f"the sequences of data.{name} have no labels/*.label in {', '.join(map(str, roots))}")
        super().__init__(self.train_sweeps, self.validation_sweeps, collate_sweeps, batch_size, workers, seed)
