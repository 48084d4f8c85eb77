"""Prepared samples on disk, so that decoding and stereo matching are paid once."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import LabelSet, SscError, labels_at
from ssc_ros.core.files import write_atomically
from ssc_ros.data.class_maps import ClassMaps
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.inputs import IMAGE_CLASSES, InputPreparer
from ssc_ros.systems import LIDAR, STEREO, InputSpec, SceneInputs
from ssc_ros.training.mirror import MirroredSequence
from ssc_ros.training.point_labels import PointLabeller, TruthLabeller
from ssc_ros.training.scene_sample import SceneSample, SceneTruth, prepare_truth

VERSION = 4
"""Raise this when what is prepared changes: older files are then left alone and written anew."""

IMAGE, POINTS, TRUTH = "image", "points", "truth"
"""Parts of a sample: the left image with its projection, the sweep, the truth; and each input made of the pair or of
the sweep."""

POINT_CLASSES = "lidar_classes"

SIZES = {
    IMAGE: ("image_size",),
    "right": ("image_size",),
    "focal_baseline": ("image_size",),
    "stereo_depth": ("context_size", "stereo_scale"),
    "stereo_voxels": ("grid", "stereo_scale"),
    "stereo_points": ("grid", "stereo_scale"),
    "stereo_sightings": ("grid", "stereo_scale", "context_size"),
    IMAGE_CLASSES: ("context_size",),
    POINTS: ("grid",),
    "lidar_voxels": ("grid",),
    "lidar_depth": ("context_size",),
    "lidar_sightings": ("grid", "context_size"),
    POINT_CLASSES: ("grid",),
    TRUTH: ("grid", "context_size"),
}
"""What of an `InputSpec` each part depends on."""

_BITS = ("stereo_voxels", "lidar_voxels")
"""Inputs of nothing but 0 and 1."""


@dataclass(frozen=True)
class SampleCache:
    """Samples of sequences, made on first use and read from then on.

    Each part of a sample is a file of its own, named by the sizes that matter to it: networks that read different
    things find what others have made. A mirrored sequence has files of its own.

    Attributes:
        folder: where the files are, below a name made from part, its sizes and the sequence's path.
        spec: what the networks need.
        label_set: what the labels mean.
        labeller: gives the sweep's points the classes that a network reads.
        class_maps: give the pixels of left images the classes that a network reads; None leaves that to its segmenter.
    """

    folder: Path
    spec: InputSpec
    label_set: LabelSet
    labeller: PointLabeller = field(default_factory=TruthLabeller)
    class_maps: ClassMaps | None = None

    @property
    def input_parts(self) -> tuple[str, ...]:
        """What the inputs of a frame consist of."""
        sensors, spec = self.spec.sensors, self.spec
        classes = () if self.class_maps is None else (IMAGE_CLASSES,)
        return (
            *((IMAGE, *spec.pair, *classes) if STEREO in sensors else ()),
            *(spec.sweep if LIDAR in sensors else ()),
        )

    @property
    def past_parts(self) -> tuple[str, ...]:
        """What is needed of a frame that is only part of another's history."""
        return tuple(part for part in self.input_parts if part in (IMAGE, "stereo_points"))

    @property
    def parts(self) -> tuple[str, ...]:
        """What a sample consists of."""
        return (*self.input_parts, TRUTH)

    def path(self, sequence: KittiSequence, frame_id: str, part: str) -> Path:
        """Where a part of a sample is kept."""
        sizes = {name: value for name, value in asdict(self.spec).items() if name in SIZES[part]}
        mirrored = isinstance(sequence, MirroredSequence)
        meaning: object = {TRUTH: self.label_set.name, POINT_CLASSES: self.labeller.identity}.get(part, "")
        if part == IMAGE_CLASSES and self.class_maps is not None:
            meaning = [self.label_set.name, *self.class_maps.identity]
        identity = [VERSION, part, sizes, meaning, str(sequence.path.resolve()), mirrored]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
        return self.folder / digest / f"{frame_id}.{part}.npz"

    def stale(self, sequence: KittiSequence, frame_id: str, parts: Sequence[str] | None = None) -> list[str]:
        """The parts (of all, unless told) that are missing, or older than the files they were made from."""
        sources = (sequence.path / "image_2" / f"{frame_id}.png", sequence.path / "voxels" / f"{frame_id}.label")
        newest = dict.fromkeys(parts or self.parts, max(map(_changed, sources)))
        if IMAGE_CLASSES in newest and self.class_maps is not None:
            newest[IMAGE_CLASSES] = max(newest[IMAGE_CLASSES], _changed(self.class_maps.path(sequence.name, frame_id)))
        return [part for part, time in newest.items() if _changed(self.path(sequence, frame_id, part)) < max(time, 1)]

    def write(self, sequence: KittiSequence, frame_id: str, parts: Sequence[str] | None = None) -> None:
        """Make the parts (all, unless told) that are stale, and keep them."""
        stale = self.stale(sequence, frame_id, parts)
        if not stale:
            return
        # truth, and the classes of points
        frame = sequence.frame(frame_id)
        made: dict[str, SceneInputs] = {}
        if TRUTH in stale:
            made[TRUTH] = prepare_truth(sequence, frame_id, frame, self.spec, self.label_set)._asdict()
        if POINT_CLASSES in stale and frame.points is not None:
            frame = replace(frame, point_labels=self.labeller(sequence, frame_id, frame.points))
        if IMAGE_CLASSES in stale and self.class_maps is not None:
            classes = self.class_maps.train_ids(sequence.name, frame_id, frame.rig.image_size, self.label_set)
            made[IMAGE_CLASSES] = {IMAGE_CLASSES: torch.from_numpy(labels_at(classes, self.spec.context_size))}
        # inputs, of the sensors that a stale part needs
        pair, sweep = (tuple(part for part in parts if part in stale) for parts in (self.spec.pair, self.spec.sweep))
        sensors = ((STEREO,) if pair or IMAGE in stale else ()) + ((LIDAR,) if sweep else ())
        inputs = InputPreparer(replace(self.spec, sensors=sensors, pair=pair, sweep=sweep))(frame)
        for part in stale:
            if part not in made:
                made[part] = {key: inputs[key] for key in ((IMAGE, "projection") if part == IMAGE else (part,))}
        # files
        for part, tensors in made.items():
            write_atomically(self.path(sequence, frame_id, part), _encode(tensors, len(self.label_set)))

    def read(self, sequence: KittiSequence, frame_id: str) -> SceneSample:
        """A kept sample, unbatched and without its history.

        Raises:
            SscError: it is missing or damaged.
        """
        truth = self._read(self.path(sequence, frame_id, TRUTH))
        inputs = self.read_inputs(sequence, frame_id, self.input_parts)
        return SceneSample(inputs, SceneTruth(*(truth[key] for key in SceneTruth._fields)))

    def read_inputs(self, sequence: KittiSequence, frame_id: str, parts: Sequence[str]) -> SceneInputs:
        """Kept inputs of a frame, unbatched.

        Raises:
            SscError: a part is missing or damaged.
        """
        inputs: SceneInputs = {}
        for part in parts:
            inputs |= self._read(self.path(sequence, frame_id, part))
        return inputs

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


def _changed(path: Path) -> int:
    """When a file was written [ns]; 0 where there is none."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _encode(tensors: Mapping[str, Tensor], classes: int) -> bytes:
    arrays: dict[str, Any] = {key: value.numpy() for key, value in tensors.items()}
    for key in arrays.keys() & _BITS:
        arrays[key] = np.packbits(arrays[key])
    if "labels" in arrays:
        labels = arrays["labels"]
        arrays["class_counts"] = np.bincount(labels[labels < classes], minlength=classes)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _decode(arrays: Mapping[str, NDArray[np.generic]], spec: InputSpec) -> dict[str, Tensor]:
    tensors = {key: torch.from_numpy(arrays[key]) for key in arrays}
    for key in tensors.keys() & _BITS:
        bits = np.unpackbits(tensors[key].numpy(), count=spec.grid.size)
        tensors[key] = torch.from_numpy(bits.reshape(8, *(n // 2 for n in spec.grid.shape)))
    return tensors
