"""Class maps of left images, which somebody else's network has written to a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ssc_ros.core import Frame, LabelSet, SscError, labels_at
from ssc_ros.data.label_maps import LabelMap, read_label_map

ID_MODES = ("L", "P", "I;16", "I")
"""Pillow's names for pixels of one number: grey, with a palette, and of 16 bits."""


@dataclass(frozen=True)
class ClassMaps:
    """A folder of id maps, one for each left image.

    Attributes:
        folder: holds `sequences/NN/semantic_2/FFFFFF.png`, or `FFFFFF.png` of a single sequence.
        label_map: what the ids mean.
    """

    folder: Path
    label_map: LabelMap

    @staticmethod
    def open(folder: Path, label_map: str | None) -> ClassMaps:
        """A folder whose label map has this name or path.

        Raises:
            SscError: there is no such folder, or no label map, or that cannot be read.
        """
        if not folder.is_dir():
            raise SscError(f"folder of class maps {folder} does not exist")
        if not label_map:
            raise SscError(f"the ids in {folder} may mean anything; name their label map, such as cityscapes")
        return ClassMaps(folder, read_label_map(label_map))

    @property
    def identity(self) -> list[str]:
        """What prepared samples depend on, beside the files' own times."""
        return [str(self.folder.resolve()), self.label_map.digest]

    def path(self, sequence: str, frame_id: str) -> Path:
        """Where the map of a frame is."""
        sequences = self.folder / "sequences"
        folder = sequences / sequence / "semantic_2" if sequences.is_dir() else self.folder
        return folder / f"{frame_id}.png"

    def train_ids(self, sequence: str, frame_id: str, size: tuple[int, int], label_set: LabelSet) -> NDArray[np.uint8]:
        """The map of a frame in the size of its left image.

        Args:
            sequence, frame_id: names, such as "08" and "000000".
            size: (H, W) of the left image [px].
            label_set: of the train ids.

        Returns:
            (H, W) uint8 train ids, 255 unknown.

        Raises:
            SscError: the file is missing, is no id map, or has ids that the label map does not list.
        """
        path = self.path(sequence, frame_id)
        try:
            return self.label_map.train_ids(labels_at(read_ids(path), size), label_set)
        except SscError as error:
            raise SscError(f"class map {path} of frame {frame_id} in sequence {sequence}: {error}") from error

    def added_to(self, frame: Frame, sequence: str, frame_id: str, label_set: LabelSet) -> Frame:
        """The frame with the classes of its left image's pixels.

        Raises:
            SscError: as `train_ids`.
        """
        return replace(frame, image_labels=self.train_ids(sequence, frame_id, frame.rig.image_size, label_set))


def read_ids(path: Path) -> NDArray[np.integer]:
    """An id map (H, W) of 8 or 16 bits from a PNG file.

    Raises:
        SscError: the file is missing, no image, or an image of colours.
    """
    try:
        with Image.open(path) as image:
            mode, ids = image.mode, np.asarray(image)
    except FileNotFoundError as error:
        raise SscError("there is no such file") from error
    except Exception as error:  # each format has its own
        raise SscError(f"the file is no image, or damaged: {error}") from error
    if mode not in ID_MODES:
        raise SscError(f"its pixels are of mode {mode}, expected one id of 8 or 16 bits in each")
    return ids.astype(np.uint16)
