"""Scenes of SemanticKITTI-layout folders as a Lightning data module."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch.utils.data import DataLoader, Dataset

from ssc_ros.core import LABEL_SETS, LabelSet, SceneGrid, SscError, poses
from ssc_ros.core.files import user_cache
from ssc_ros.data.semantic_kitti import KittiSequence, SemanticKitti, sequences_folder
from ssc_ros.distillation import Guide
from ssc_ros.inference.history import Past, join, nearest_stamps
from ssc_ros.systems import LIDAR, InputSpec
from ssc_ros.systems.spec import History
from ssc_ros.training.augmentation import Augmentation
from ssc_ros.training.cache import POINT_CLASSES, SampleCache
from ssc_ros.training.guidance import GuidanceCache, Scene
from ssc_ros.training.loading import Samples, TrainingData, require_separate
from ssc_ros.training.mirror import MirroredSequence
from ssc_ros.training.point_labels import NetworkLabeller, TruthLabeller
from ssc_ros.training.pose_noise import PoseNoise
from ssc_ros.training.sample import Sample, collate
from ssc_ros.training.sampler import Draw

_log = logging.getLogger(__name__)


def open_sequences(
    roots: Sequence[Path], names: Sequence[str], grid: SceneGrid, label_set: LabelSet
) -> list[KittiSequence]:
    """The named sequences of several data sets, each taken from every root that has it.

    Args:
        roots: folders that hold `sequences/`.
        names: such as "00".
        grid: of the voxel files.
        label_set: of all labels.

    Raises:
        SscError: no root has a sequence of that name, or files are missing.
    """
    sequences: list[KittiSequence] = []
    for root in roots:
        folder = sequences_folder(root)
        present = [name for name in names if (folder / name).is_dir()]
        sequences += [replace(s, grid=grid, label_set=label_set) for s in SemanticKitti(root, present).sequences]
    absent = sorted(set(names) - {sequence.name for sequence in sequences})
    if absent:
        raise SscError(
            f"no sequence {', '.join(absent)} in {', '.join(map(str, roots))}; make it with ssc-ros simulate"
        )
    return sequences


class Scenes(Samples):
    """The labelled frames of sequences, from the cache, with the past frames that the network reads beside them.

    A whole number gives the sample as it is, a `Draw` gives an augmented one.

    Attributes:
        frames: sequence and name of each labelled frame.
        guidance: what a language teacher says of them; none if nobody is asked.
    """

    def __init__(
        self,
        sequences: Sequence[KittiSequence],
        cache: SampleCache,
        augmentation: Augmentation,
        stride: int = 1,
        guidance: GuidanceCache | None = None,
    ) -> None:
        frames = [(sequence, frame_id) for sequence in sequences for frame_id in sequence.voxel_ids]
        self.frames = frames[::stride]
        self.cache, self.augmentation, self.guidance = cache, augmentation, guidance
        self._mirrored = {s.path: MirroredSequence.of(s) for s in sequences} if self._mirrors_frames else {}

    @property
    def _mirrors_frames(self) -> bool:
        """Whether it is the frame, not the sample, that augmentation mirrors, see `mirror`."""
        return "right" in self.cache.spec.pair and self.augmentation.flip > 0

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, key: int | Draw) -> Sample:
        if not isinstance(key, Draw):
            return self._read(*self.frames[key])
        sequence, frame_id = self.frames[key.index]
        generator = torch.Generator().manual_seed(key.seed)
        alone = self.augmentation.forgets(generator)
        if not self._mirrors_frames:
            return self.augmentation(self._read(sequence, frame_id, alone), self.cache.spec.grid, generator)
        flips = self.augmentation.flips(generator)
        sample = self._read(self._mirrored[sequence.path] if flips else sequence, frame_id, alone)
        return self.augmentation.varied(sample, generator)

    def describe(self) -> str:
        """One line on them."""
        text = f"{len(self)} scenes of sequences {', '.join(sorted({sequence.name for sequence, _ in self.frames}))}"
        labelled = POINT_CLASSES in self.cache.input_parts
        return f"{text}, points labelled by {self.cache.labeller.identity}" if labelled else text

    def needed(self, augmented: bool) -> list[Wanted]:
        """What has to be in the cache: the frames with all of their parts, and what is needed of their past.

        Args:
            augmented: mirrored frames are needed too.
        """
        wanted: dict[tuple[bool, Path, str], Wanted] = {}
        for sequence, frame_id in self.guided() if augmented else self.frames:
            mirrored = isinstance(sequence, MirroredSequence)
            wanted[mirrored, sequence.path, frame_id] = sequence, frame_id, self.cache.parts
            for past_id in past_ids(sequence, frame_id, self.cache.spec.history):
                if past_id is not None:
                    key = mirrored, sequence.path, past_id
                    wanted.setdefault(key, (sequence, past_id, self.cache.past_parts))
        return list(wanted.values())

    def guided(self) -> list[Scene]:
        """The frames, and the mirrored ones too where frames are mirrored."""
        return [*self.frames, *((self._mirrored[s.path], i) for s, i in self.frames if self._mirrored)]

    def class_counts(self) -> NDArray[np.int64]:
        """(C,) voxels of each class over all frames."""
        return np.sum([self.cache.class_counts(*frame) for frame in self.frames], axis=0)

    def _read(self, sequence: KittiSequence, frame_id: str, alone: bool = False) -> Sample:
        sample, spec = self.cache.read(sequence, frame_id), self.cache.spec
        ids = [] if alone else past_ids(sequence, frame_id, spec.history)
        past = [None if i is None else self._past(sequence, i, frame_id) for i in ids]
        guidance = None if self.guidance is None else self.guidance.read(sequence, frame_id)
        return sample._replace(inputs=join(sample.inputs, past, spec), guidance=guidance)

    def _past(self, sequence: KittiSequence, past_id: str, frame_id: str) -> Past:
        inputs = self.cache.read_inputs(sequence, past_id, self.cache.past_parts)
        return Past(inputs, relative_pose(sequence, past_id, frame_id))


Wanted = tuple[KittiSequence, str, tuple[str, ...]]
"""Sequence and name of a frame, and the parts of it."""


def past_ids(sequence: KittiSequence, frame_id: str, history: History) -> list[str | None]:
    """The past frames of a frame, the latest first: those of its own sequence that have images; without poses, none."""
    if sequence.T_world_lidar is None:
        return [None] * history.count
    now = int(sequence.times[sequence.frame_ids.index(frame_id)])
    return [None if i is None else sequence.frame_ids[i] for i in nearest_stamps(sequence.times, now, history)]


def relative_pose(sequence: KittiSequence, past_id: str, frame_id: str) -> NDArray[np.float64]:
    """`T_past_now` (4, 4) between the grid frames of two frames of a sequence with poses."""
    assert sequence.T_world_lidar is not None
    past, now = (sequence.T_world_lidar[sequence.frame_ids.index(i)] for i in (past_id, frame_id))
    return poses.inverse(past) @ now


@dataclass(frozen=True)
class _Making(Dataset[int]):
    """Writing the cached samples that are not there yet, as a data set, so that a loader's workers can share it."""

    cache: SampleCache
    frames: list[Wanted] = field(repr=False)

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> int:
        self.cache.write(*self.frames[index])
        return index


class SceneData(TrainingData):
    """Training and validation scenes.

    Args:
        spec: what the networks read; given by the model.
        label_set: name of the label set; given by the model.
        root: one or more folders in the SemanticKITTI odometry layout.
        train: sequences to train on.
        validation: sequences to validate on; must not be trained on.
        augmentation: what training does to a sample.
        batch_size: scenes per step and process.
        workers: loader processes; 0 loads in the training process.
        validation_stride: validate on every n-th labelled frame.
        cache: folder for prepared samples; None is the user's cache folder.
        segmentation: checkpoint that labels the LiDAR points which the network reads; None takes the labels of the
            data set, which no robot has.
        pose_noise: errors of the poses, in training and validation alike; none by default.
        guide: a language teacher that guides the training; given by the model.
        seed: of order and augmentation.
    """

    def __init__(
        self,
        spec: Any,  # an InputSpec, but of a data class the command line would make flags
        label_set: str,
        root: Path | list[Path],
        train: list[str],
        validation: list[str],
        augmentation: Augmentation = Augmentation(),  # noqa: B008 (frozen)
        batch_size: int = 1,
        workers: int = 1,
        validation_stride: int = 1,
        cache: Path | None = None,
        segmentation: Path | None = None,
        pose_noise: PoseNoise = PoseNoise(),  # noqa: B008 (frozen)
        guide: Any = None,  # a Guide, for the reason given above
        seed: int = 0,
    ) -> None:
        require_separate(train, validation)
        roots = root if isinstance(root, list) else [root]
        folder = cache or user_cache()
        labeller = TruthLabeller() if segmentation is None else NetworkLabeller(segmentation)
        samples = SampleCache(folder, cast("InputSpec", spec), LABEL_SETS[label_set], labeller)
        guidance = None if guide is None else GuidanceCache(folder, cast("Guide", guide))
        train_sequences, validation_sequences = (
            [pose_noise.applied(s) for s in open_sequences(roots, names, samples.spec.grid, samples.label_set)]
            for names in (train, validation)
        )
        blind = [str(s.path) for s in train_sequences + validation_sequences if not s.has_points]
        if blind and LIDAR in samples.spec.sensors:
            raise SscError(
                f"the network or its teacher reads LiDAR, but there is no velodyne folder in {', '.join(blind)}"
            )
        if POINT_CLASSES in samples.input_parts and segmentation is None:
            _log.warning(
                "the network reads classes of LiDAR points, and these are the ground truth's: its scores flatter; name "
                "what labels points on the robot: --data.segmentation FILE"
            )
        self.train_scenes = Scenes(train_sequences, samples, augmentation, guidance=guidance)
        self.validation_scenes = Scenes(validation_sequences, samples, augmentation, validation_stride)
        for name, scenes in (("train", self.train_scenes), ("validation", self.validation_scenes)):
            if not len(scenes):
                raise SscError(f"the sequences of data.{name} have no voxels/*.label in {', '.join(map(str, roots))}")
        super().__init__(self.train_scenes, self.validation_scenes, collate, batch_size, workers, seed)

    def prepare_data(self) -> None:
        """Make the cached samples that are missing or older than their labels; Lightning calls it in one process."""
        cache, train, validation = self.train_scenes.cache, self.train_scenes, self.validation_scenes
        wanted = train.needed(augmented=True) + validation.needed(augmented=False)
        stale = [frame for frame in wanted if cache.stale(*frame)]
        if stale:
            making = DataLoader(_Making(cache, stale), batch_size=None, num_workers=self.workers)
            for _ in track(making, f"preparing {len(stale)} frames", total=len(stale)):
                pass
