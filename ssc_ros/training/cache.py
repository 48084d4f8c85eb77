"""Prepared samples on disk, so that decoding and stereo matching are paid once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import LabelSet, SscError
from ssc_ros.core.files import write_atomically
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.systems import InputSpec
from ssc_ros.training.sample import Sample, SceneTruth, prepare_truth

VERSION = 2
"""Raise this when what is prepared changes: older files are then left alone and written anew."""

TRUTH = "truth"
_BITS = "stereo_voxels"


def default_folder() -> Path:
    """The user's cache folder: $XDG_CACHE_HOME/ssc_ros, else ~/.cache/ssc_ros."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ssc_ros"


@dataclass(frozen=True)
class SampleCache:
    """Samples of sequences, made on first use and read from then on.

    Each sensor's inputs and the truth are files of their own: a teacher that reads LiDAR and a student that reads
    images find what the other has made.

    Attributes:
        folder: where the files are, below a name made from spec, label set and the sequence's path.
        spec: what the networks need.
        label_set: what the labels mean.
    """

    folder: Path
    spec: InputSpec
    label_set: LabelSet

    @property
    def parts(self) -> tuple[str, ...]:
        """What a sample consists of: the sensors and the truth."""
        return (*self.spec.sensors, TRUTH)

    def path(self, sequence: KittiSequence, frame_id: str, part: str) -> Path:
        """Where a part of a sample is kept."""
        sizes = asdict(replace(self.spec, sensors=()))
        identity = json.dumps([VERSION, sizes, self.label_set.name, str(sequence.path.resolve())])
        return self.folder / hashlib.sha256(identity.encode()).hexdigest()[:16] / f"{frame_id}.{part}.npz"

    def stale(self, sequence: KittiSequence, frame_id: str) -> list[str]:
        """The parts that are missing, or older than the labels they were made from."""
        source = (sequence.path / "voxels" / f"{frame_id}.label").stat().st_mtime_ns
        paths = {part: self.path(sequence, frame_id, part) for part in self.parts}
        return [part for part, path in paths.items() if not path.is_file() or path.stat().st_mtime_ns < source]

    def write(self, sequence: KittiSequence, frame_id: str) -> None:
        """Make the stale parts of a sample and keep them."""
        frame = sequence.frame(frame_id)
        for part in self.stale(sequence, frame_id):
            if part == TRUTH:
                tensors = prepare_truth(sequence, frame_id, frame, self.spec, self.label_set)._asdict()
            else:
                tensors = InputPreparer(replace(self.spec, sensors=(part,)))(frame)
            write_atomically(self.path(sequence, frame_id, part), _encode(tensors, len(self.label_set)))

    def read(self, sequence: KittiSequence, frame_id: str) -> Sample:
        """A kept sample, unbatched.

        Raises:
            SscError: it is missing or damaged.
        """
        inputs: dict[str, Tensor] = {}
        for part in self.spec.sensors:
            inputs |= self._read(self.path(sequence, frame_id, part))
        truth = self._read(self.path(sequence, frame_id, TRUTH))
        return Sample(inputs, SceneTruth(*(truth[key] for key in SceneTruth._fields)))

    def class_counts(self, sequence: KittiSequence, frame_id: str) -> NDArray[np.int64]:
        """(C,) voxels of each class in a kept sample."""
        with np.load(self.path(sequence, frame_id, TRUTH)) as arrays:
            return np.asarray(arrays["class_counts"])

    def _read(self, path: Path) -> dict[str, Tensor]:
        try:
            with np.load(path) as arrays:
                return _decode(arrays, self.spec)
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise SscError(f"cached sample {path} cannot be read ({error}); delete it and train again") from error


def _encode(tensors: Mapping[str, Tensor], classes: int) -> bytes:
    arrays: dict[str, Any] = {key: value.numpy() for key, value in tensors.items()}
    if _BITS in arrays:
        arrays[_BITS] = np.packbits(arrays[_BITS])
    if "labels" in arrays:
        labels = arrays["labels"]
        arrays["class_counts"] = np.bincount(labels[labels < classes], minlength=classes)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _decode(arrays: Mapping[str, NDArray[np.generic]], spec: InputSpec) -> dict[str, Tensor]:
    tensors = {key: torch.from_numpy(arrays[key]) for key in arrays}
    if _BITS in tensors:
        bits = np.unpackbits(tensors[_BITS].numpy(), count=spec.grid.size)
        tensors[_BITS] = torch.from_numpy(bits.reshape(8, *(n // 2 for n in spec.grid.shape)))
    return tensors
