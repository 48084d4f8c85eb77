"""The labelled frames of SemanticKITTI-layout folders, each with the past frames that the network reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ssc_ros.core import LabelSet, SceneGrid, SscError, poses
from ssc_ros.data.semantic_kitti import KittiSequence, SemanticKitti, sequences_folder
from ssc_ros.inference.history import Past, join, nearest_stamps
from ssc_ros.systems.spec import History
from ssc_ros.training.guidance_cache import GuidanceCache, Scene
from ssc_ros.training.mirror import MirroredSequence
from ssc_ros.training.sample_cache import POINT_CLASSES, SampleCache
from ssc_ros.training.sampler import Draw
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scene_sample import SceneSample
from ssc_ros.training.training_data import Samples


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
        present = sorted({path.name for root in roots for path in sequences_folder(root).iterdir() if path.is_dir()})
        raise SscError(
            f"no sequence {', '.join(absent)} in {', '.join(map(str, roots))}, only {', '.join(present) or 'none'}; "
            f"name those in data.train and data.validation, or make the others with ssc-ros simulate"
        )
    return sequences


class Scenes(Samples):
    """The labelled frames of sequences, from the cache, with the past frames that the network reads beside them.

    A whole number gives the sample as it is, a `Draw` gives an augmented one.

    Attributes:
        frames: sequence and name of each labelled frame.
        guidance: what a language teacher says of them; none without such a teacher.
    """

    def __init__(
        self,
        sequences: Sequence[KittiSequence],
        cache: SampleCache,
        augmentation: SceneAugmentation,
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

    def __getitem__(self, key: int | Draw) -> SceneSample:
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

    def _read(self, sequence: KittiSequence, frame_id: str, alone: bool = False) -> SceneSample:
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
    """The past frames of a frame, the latest first: of its own sequence, with images; without poses, none."""
    if sequence.T_world_lidar is None:
        return [None] * history.count
    now = int(sequence.times[sequence.frame_ids.index(frame_id)])
    return [None if i is None else sequence.frame_ids[i] for i in nearest_stamps(sequence.times, now, history)]


def relative_pose(sequence: KittiSequence, past_id: str, frame_id: str) -> NDArray[np.float64]:
    """`T_past_now` (4, 4) between the grid frames of two frames of a sequence with poses."""
    assert sequence.T_world_lidar is not None
    past, now = (sequence.T_world_lidar[sequence.frame_ids.index(i)] for i in (past_id, frame_id))
    return poses.inverse(past) @ now
