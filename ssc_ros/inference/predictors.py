"""What an evaluation scores: a checkpoint or a baseline, with what the evaluation has to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.progress import track

from ssc_ros.core import LIDAR, STEREO, Frame, LabelSet, SceneGrid, SscError
from ssc_ros.data.class_maps import ClassMaps
from ssc_ros.data.sequence import LabelledSequence, open_sequences, training_sequences
from ssc_ros.evaluation.results import sha256
from ssc_ros.evaluation.session import Completer
from ssc_ros.inference.baselines import PriorBaseline, StereoBaseline
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.segmenter import PointSegmenter
from ssc_ros.inference.stream import Observer


@dataclass(frozen=True)
class Predictor:
    """What is scored.

    Attributes:
        completer: makes the predictions.
        name: for people.
        sensors: what it reads of a frame.
        observer: the completer, where it may remember past frames.
        origin: what to keep of it with the result; JSON values.
        reads_class_maps: whether it can use class maps of the left images.
        class_maps: those that it is shown, or None.
    """

    completer: Completer
    name: str
    sensors: tuple[str, ...] = (STEREO,)
    observer: Observer | None = None
    origin: Mapping[str, object] = field(default_factory=dict)
    reads_class_maps: bool = False
    class_maps: ClassMaps | None = None

    def prepared(self, frame: Frame, sequence: LabelledSequence, frame_id: str) -> Frame:
        """The frame as the predictor is shown it: with its class map, where there are class maps.

        Raises:
            SscError: the frame has no class map, or one that cannot be used.
        """
        maps = self.class_maps
        return frame if maps is None else maps.added_to(frame, sequence.name, frame_id, sequence.label_set)


def checkpoint_predictor(
    path: Path,
    device: str = "auto",
    threads: int | None = None,
    backend: str = "torch",
    segmentation: Path | None = None,
) -> Predictor:
    """The network of a checkpoint, warm.

    Args:
        path: the checkpoint.
        device: as for `SceneCompleter.from_checkpoint`; `threads` and `backend` too.
        threads: of torch and OpenCV.
        backend: what runs the network.
        segmentation: checkpoint that gives classes to points, for a network that reads them.

    Raises:
        SscError: a file, device or backend that cannot be used.
    """
    label = PointSegmenter.from_checkpoint(segmentation, device, threads).labels if segmentation else None
    completer = SceneCompleter.from_checkpoint(path, device, threads, backend, label)
    completer.warm_up()
    origin = {"checkpoint": str(path), "checkpoint_sha256": sha256(path), "backend": completer.backend}
    if segmentation:
        origin |= {"segmentation": str(segmentation), "segmentation_sha256": sha256(segmentation)}
    metadata = completer.metadata
    return Predictor(completer, metadata.model_id, metadata.inputs, completer, origin, completer.reads_class_maps)


def without_lidar(predictor: Predictor) -> Predictor:
    """The same predictor, which is shown no points.

    Raises:
        SscError: it reads nothing but LiDAR.
    """
    sensors = tuple(sensor for sensor in predictor.sensors if sensor != LIDAR)
    if not sensors:
        raise SscError(f"{predictor.name} reads LiDAR and nothing else; score it without --without-lidar")
    return replace(predictor, sensors=sensors)


def with_class_maps(predictor: Predictor, maps: ClassMaps) -> Predictor:
    """The same predictor, which is shown class maps of the left images.

    Raises:
        SscError: it has no use for them.
    """
    if not predictor.reads_class_maps:
        raise SscError(
            f"{predictor.name} does not ask which class the pixels of measured points have, so class maps change "
            "nothing; use a checkpoint of the preset edge_labelled, or leave --semantics out"
        )
    origin = {**predictor.origin, "semantics": str(maps.folder), "label_map": maps.label_map.name}
    return replace(predictor, class_maps=maps, origin=origin)


def stereo_predictor(grid: SceneGrid, label_set: LabelSet) -> Predictor:
    """The stereo baseline in the grid and classes of the truth."""
    return Predictor(StereoBaseline(grid, label_set), "stereo baseline")


def prior_predictor(root: Path, names: Sequence[str] | None, grid: SceneGrid, label_set: LabelSet) -> Predictor:
    """The prior baseline, fitted with a progress bar.

    Args:
        root: of the data set.
        names: sequences to learn from; None takes the official training sequences.
        grid, label_set: of the truth.

    Raises:
        SscError: these sequences have no ground truth.
    """
    names = list(names or training_sequences(root))
    chosen = [(s, frame_id) for s in open_sequences(root, names) for frame_id in s.voxel_ids]
    if not chosen:
        raise SscError(
            f"{root} has no training sequences with voxels for the prior baseline; name some: --train-sequences 00"
        )
    truths = (s.target(frame_id) for s, frame_id in track(chosen, "fit the prior"))
    prior = PriorBaseline(truths, grid, label_set)
    return Predictor(prior, "prior baseline", sensors=(), origin={"fitted_on": names})
