"""Prepared samples on disk, so that decoding and stereo matching are paid once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import LabelSet, SceneGrid, SscError
from ssc_ros.core.files import write_atomically
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.systems import InputSpec
from ssc_ros.training.sample import Sample, SceneTruth, prepare_sample

VERSION = 1
"""Raise this when `prepare_sample` changes what it computes: older files are then left alone and written anew."""

_BITS = ("stereo_voxels", "lidar_voxels")


def default_folder() -> Path:
    """The user's cache folder: $XDG_CACHE_HOME/ssc_ros, else ~/.cache/ssc_ros."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ssc_ros"


@dataclass(frozen=True)
class SampleCache:
    """Samples of sequences, made on first use and read from then on.

    Attributes:
        folder: where the files are, below a name made from spec, label set and the sequence's path.
        spec: what the network needs.
        label_set: what the labels mean.
    """

    folder: Path
    spec: InputSpec
    label_set: LabelSet

    def path(self, sequence: KittiSequence, frame_id: str) -> Path:
        """Where a sample is kept."""
        identity = json.dumps([VERSION, asdict(self.spec), self.label_set.name, str(sequence.path.resolve())])
        return self.folder / hashlib.sha256(identity.encode()).hexdigest()[:16] / f"{frame_id}.npz"

    def is_fresh(self, sequence: KittiSequence, frame_id: str) -> bool:
        """Whether the sample is there and newer than the labels it was made from."""
        path, source = self.path(sequence, frame_id), sequence.path / "voxels" / f"{frame_id}.label"
        return path.is_file() and path.stat().st_mtime_ns >= source.stat().st_mtime_ns

    def write(self, sequence: KittiSequence, frame_id: str) -> None:
        """Make a sample and keep it."""
        sample = prepare_sample(sequence, frame_id, InputPreparer(self.spec), self.label_set)
        write_atomically(self.path(sequence, frame_id), _encode(sample, len(self.label_set)))

    def read(self, sequence: KittiSequence, frame_id: str) -> Sample:
        """A kept sample, unbatched.

        Raises:
            SscError: it is missing or damaged.
        """
        path = self.path(sequence, frame_id)
        try:
            with np.load(path) as arrays:
                return _decode(arrays, self.spec.grid)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise SscError(f"cached sample {path} cannot be read ({error}); delete it and train again") from error

    def class_counts(self, sequence: KittiSequence, frame_id: str) -> NDArray[np.int64]:
        """(C,) voxels of each class in a kept sample."""
        with np.load(self.path(sequence, frame_id)) as arrays:
            return np.asarray(arrays["class_counts"])


def _encode(sample: Sample, classes: int) -> bytes:
    inputs = {key: value.numpy() for key, value in sample.inputs.items()}
    arrays: dict[str, Any] = {
        f"inputs.{key}": np.packbits(value) if key in _BITS else value for key, value in inputs.items()
    }
    arrays |= {f"truth.{key}": value.numpy() for key, value in sample.truth._asdict().items()}
    labels = sample.truth.labels.numpy()
    arrays["class_counts"] = np.bincount(labels[labels < classes], minlength=classes)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _decode(arrays: Mapping[str, NDArray[np.generic]], grid: SceneGrid) -> Sample:
    def tensors(prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): torch.from_numpy(arrays[key]) for key in arrays if key.startswith(prefix)}

    inputs = tensors("inputs.")
    shape = (8, *(n // 2 for n in grid.shape))
    for key in _BITS:
        bits = np.unpackbits(inputs[key].numpy(), count=grid.size)
        inputs[key] = torch.from_numpy(bits.reshape(shape))
    return Sample(inputs, SceneTruth(**tensors("truth.")))
