"""Scenes of SemanticKITTI-layout folders as a Lightning data module."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from rich.progress import track
from torch.utils.data import DataLoader, Dataset

from ssc_ros.core import LABEL_SETS, SscError
from ssc_ros.core.files import user_cache
from ssc_ros.data.class_maps import ClassMaps
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.distillation import Guide
from ssc_ros.systems import LIDAR, InputSpec
from ssc_ros.training.guidance_cache import GuidanceCache
from ssc_ros.training.point_labels import NetworkLabeller, TruthLabeller
from ssc_ros.training.pose_noise import PoseNoise
from ssc_ros.training.sample_cache import POINT_CLASSES, SampleCache
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scene_sample import collate_scenes
from ssc_ros.training.scenes import Scenes, Wanted, open_sequences
from ssc_ros.training.training_data import TrainingData, require_separate

_log = logging.getLogger(__name__)


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
        semantics: folder of class maps of the left images (`ClassMaps`), for a network that can use them, one of every
            labelled frame. None leaves the classes of pixels to the network's segmenter.
        label_map: what the ids of those maps mean: the name of a shipped label map, or a file.
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
        augmentation: SceneAugmentation = SceneAugmentation(),  # noqa: B008 (frozen)
        batch_size: int = 1,
        workers: int = 1,
        validation_stride: int = 1,
        cache: Path | None = None,
        segmentation: Path | None = None,
        semantics: Path | None = None,
        label_map: str | None = None,
        pose_noise: PoseNoise = PoseNoise(),  # noqa: B008 (frozen)
        guide: Any = None,  # a Guide, for the reason given above
        seed: int = 0,
    ) -> None:
        require_separate(train, validation)
        roots = root if isinstance(root, list) else [root]
        # where samples are kept, and what labels points for them
        folder = cache or user_cache()
        labeller = TruthLabeller() if segmentation is None else NetworkLabeller(segmentation)
        maps = None if semantics is None else _class_maps(semantics, label_map, cast("InputSpec", spec))
        samples = SampleCache(folder, cast("InputSpec", spec), LABEL_SETS[label_set], labeller, maps)
        guidance = None if guide is None else GuidanceCache(folder, cast("Guide", guide))
        # the drives, with the errors of their poses
        train_sequences, validation_sequences = (
            [pose_noise.applied(s) for s in open_sequences(roots, names, samples.spec.grid, samples.label_set)]
            for names in (train, validation)
        )
        _require_sensors(samples, train_sequences + validation_sequences)
        # their labelled frames
        self.train_scenes = Scenes(train_sequences, samples, augmentation, guidance=guidance)
        self.validation_scenes = Scenes(validation_sequences, samples, augmentation, validation_stride)
        for name, scenes in (("train", self.train_scenes), ("validation", self.validation_scenes)):
            if not len(scenes):
                raise SscError(f"the sequences of data.{name} have no voxels/*.label in {', '.join(map(str, roots))}")
        super().__init__(self.train_scenes, self.validation_scenes, collate_scenes, batch_size, workers, seed)

    def prepare_data(self) -> None:
        """Make the cached samples that are missing or older than their labels; Lightning calls it in one process."""
        cache, train, validation = self.train_scenes.cache, self.train_scenes, self.validation_scenes
        wanted = train.needed(augmented=True) + validation.needed(augmented=False)
        stale = [frame for frame in wanted if cache.stale(*frame)]
        if stale:
            making = DataLoader(_Making(cache, stale), batch_size=None, num_workers=self.workers)
            for _ in track(making, f"preparing {len(stale)} frames", total=len(stale)):
                pass


def _class_maps(folder: Path, label_map: str | None, spec: InputSpec) -> ClassMaps:
    """The class maps of a folder, for a network that can use them.

    Raises:
        SscError: the network cannot, or folder or label map cannot be read.
    """
    if not spec.reads_class_maps:
        raise SscError(
            "data.semantics names class maps, but the network does not ask which class the pixels of measured points "
            "have; train the preset edge_labelled, or leave data.semantics out"
        )
    return ClassMaps.open(folder, label_map)


def _require_sensors(samples: SampleCache, sequences: Sequence[KittiSequence]) -> None:
    """Make sure that the sequences have the sweeps that a network reads; warn where the truth labels their points.

    Raises:
        SscError: a sequence has no sweeps; the text names it.
    """
    blind = [str(s.path) for s in sequences if not s.has_points]
    if blind and LIDAR in samples.spec.sensors:
        raise SscError(f"the network or its teacher reads LiDAR, but there is no velodyne folder in {', '.join(blind)}")
    if POINT_CLASSES in samples.input_parts and isinstance(samples.labeller, TruthLabeller):
        _log.warning(
            "the network reads classes of LiDAR points, and these are the ground truth's: its scores flatter; name "
            "what labels points on the robot: --data.segmentation FILE"
        )
