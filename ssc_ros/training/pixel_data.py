"""Left images with a class for each pixel, from folders that `ssc-ros simulate` writes, as a Lightning data module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import LABEL_SETS, UNKNOWN, LabelSet, SscError
from ssc_ros.data.files import read_image, stems
from ssc_ros.data.semantic_kitti import sequences_folder
from ssc_ros.systems import InputSpec, SceneInputs
from ssc_ros.training.pixel_augmentation import PixelAugmentation
from ssc_ros.training.sampler import Draw
from ssc_ros.training.training_data import Samples, TrainingData, require_separate

IMAGES, MAPS = "image_2", "semantic_2"
"""Folders of the left images and of their train ids; 0 is the sky, 255 ignored."""


class PixelSample(NamedTuple):
    """An image, or a batch of images.

    Attributes:
        inputs: `image`, see `SceneInputs`.
        labels: ([B,] H, W) uint8 train ids of its pixels; 0 is the sky, 255 ignored.
    """

    inputs: SceneInputs
    labels: Tensor


class Pictures(Samples):
    """Images of sequences: a whole number gives one in the network's size, a `Draw` an augmented crop.

    Args:
        folders: of the sequences.
        spec: of the network.
        label_set: of the classes.
        augmentation: of crops.

    Attributes:
        files: image and class map of each.

    Raises:
        SscError: a folder has no class maps.
    """

    def __init__(
        self, folders: Sequence[Path], spec: InputSpec, label_set: LabelSet, augmentation: PixelAugmentation
    ) -> None:
        self.files: list[tuple[Path, Path]] = []
        for folder in folders:
            names = stems(folder / MAPS, ".png")
            if not names:
                raise SscError(
                    f"{folder / MAPS} holds no class maps; make some: ssc-ros simulate --out DIR --images left"
                )
            self.files += [(folder / IMAGES / f"{name}.png", folder / MAPS / f"{name}.png") for name in names]
        self.spec, self.label_set, self.augmentation = spec, label_set, augmentation

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: int | Draw) -> PixelSample:
        image_file, map_file = self.files[key if isinstance(key, int) else key.index]
        image, labels = read_image(image_file), read_classes(map_file)
        height, width = self.spec.image_size
        if isinstance(key, Draw):
            random = np.random.default_rng(key.seed)
            image, labels = self.augmentation(image, labels, self.spec.image_size, random)
        else:
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
            labels = np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return PixelSample({"image": pixels}, torch.from_numpy(labels))

    def describe(self) -> str:
        """One line on them."""
        return f"{len(self)} images of sequences {', '.join(sorted({file.parts[-3] for file, _ in self.files}))}"

    def class_shares(self, at_most: int = 200) -> NDArray[np.float64]:
        """Return the share (C,) of each class among the pixels, of all images or of `at_most`, spread evenly."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(at_most, len(self))).round().astype(int))
        counts = np.zeros(UNKNOWN + 1, np.int64)
        for i in chosen:
            counts += np.bincount(read_classes(self.files[i][1]).ravel(), minlength=len(counts))
        known = counts[: len(self.label_set)]
        return np.asarray(known / max(1, known.sum()), np.float64)


def folders_of(roots: Sequence[Path], names: Sequence[str]) -> list[Path]:
    """Return the folders of the named sequences in all roots that have them.

    Raises:
        SscError: no root has a sequence of that name.
    """
    folders = [sequences_folder(root) / name for root in roots for name in names]
    there = [folder for folder in folders if folder.is_dir()]
    if absent := sorted(set(names) - {folder.name for folder in there}):
        raise SscError(f"no sequence {', '.join(absent)} in {', '.join(map(str, roots))}")
    return there


def read_classes(path: Path) -> NDArray[np.uint8]:
    """Read a class map as (H, W) uint8 train ids.

    Raises:
        SscError: the file is missing, or no image of one channel.
    """
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        raise SscError(f"{path} is no class map; expected a PNG of one channel and eight bits")
    return np.asarray(labels, np.uint8)


def collate_pixels(samples: Sequence[PixelSample]) -> PixelSample:
    """Stack samples of one size to a batch."""
    images = torch.stack([sample.inputs["image"] for sample in samples])
    return PixelSample({"image": images}, torch.stack([sample.labels for sample in samples]))


class PixelData(TrainingData):
    """Training and validation images.

    Args:
        label_set: name of the label set; given by the model.
        spec: of the network; given by the model.
        root: one or more folders that `ssc-ros simulate` has written; a sequence is taken from every root that has it.
            Only its image_2 and semantic_2 are read.
        train: sequences to train on.
        validation: sequences to validate on; must not be trained on.
        augmentation: what training does to an image.
        batch_size: images per step and process.
        workers: loader processes; 0 loads in the training process.
        seed: of order and augmentation.
    """

    def __init__(
        self,
        label_set: str,
        spec: Any,  # an InputSpec, but of a data class the command line would make flags
        root: Path | list[Path],
        train: list[str],
        validation: list[str],
        augmentation: PixelAugmentation = PixelAugmentation(),  # noqa: B008 (frozen)
        batch_size: int = 8,
        workers: int = 1,
        seed: int = 0,
    ) -> None:
        require_separate(train, validation)
        roots = root if isinstance(root, list) else [root]
        self.train_pictures, validated = (
            Pictures(folders_of(roots, names), cast("InputSpec", spec), LABEL_SETS[label_set], augmentation)
            for names in (train, validation)
        )
        super().__init__(self.train_pictures, validated, collate_pixels, batch_size, workers, seed)
