"""A training sample: the network's inputs and the truth they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ssc_ros.core import UNKNOWN, Frame, LabelSet, StereoRig
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.distillation import PixelGuidance
from ssc_ros.inference.inputs import project_nearest
from ssc_ros.systems import InputSpec, SceneInputs

POINT_LISTS = ("points", "stereo_points", "cloud")
"""Inputs that have as many rows as there are points; rows of NaN fill them up."""

SIGHTINGS = ("stereo_sightings", "lidar_sightings", "past_sightings")
"""Inputs that have as many rows as there are pairs of voxel and cell; rows of -1 fill them up."""

FILLERS = dict.fromkeys(POINT_LISTS, torch.nan) | dict.fromkeys(SIGHTINGS, -1)


class SceneTruth(NamedTuple):
    """What a prediction is compared with; each gains a leading B in a batch.

    Attributes:
        labels: (X, Y, Z) uint8 train ids, 255 unknown.
        depth: (h, w) float32, nearest LiDAR depth [m] of each image cell, 0 where there is none.
        image: (h, w) uint8 train id of that nearest point, 255 where there is none or it has no class.
    """

    labels: Tensor
    depth: Tensor
    image: Tensor


class SceneSample(NamedTuple):
    """Inputs and truth of one frame, or of a batch of frames; and what a language teacher says, where one is asked."""

    inputs: SceneInputs
    truth: SceneTruth
    guidance: PixelGuidance | None = None


def prepare_truth(
    sequence: KittiSequence, frame_id: str, frame: Frame, spec: InputSpec, label_set: LabelSet
) -> SceneTruth:
    """The truth of one frame, from voxels and labelled points on disk."""
    size = spec.context_size
    points = np.empty((0, 3), np.float32) if frame.points is None else frame.points[:, :3]
    image = np.full(size, UNKNOWN, np.uint8)
    if len(points) and sequence.has_point_labels:
        classes = label_set.train_from_raw_points(sequence.point_labels(frame_id))
        image = nearest_class(points, classes, frame.rig, size)
    depth = project_nearest(points, frame.rig, size)
    return SceneTruth(*(torch.from_numpy(array) for array in (sequence.target(frame_id), depth, image)))


def collate_scenes(samples: Sequence[SceneSample]) -> SceneSample:
    """A batch; lists are filled up to the length of the longest."""
    inputs = {}
    for key in samples[0].inputs:
        values = [sample.inputs[key] for sample in samples]
        inputs[key] = pad_sequence(values, True, FILLERS[key]) if key in FILLERS else torch.stack(values)
    truth = zip(*(sample.truth for sample in samples), strict=True)
    said = [sample.guidance for sample in samples if sample.guidance is not None]
    guidance = PixelGuidance(*map(torch.stack, zip(*said, strict=True))) if said else None
    return SceneSample(inputs, SceneTruth(*(torch.stack(values) for values in truth)), guidance)


def nearest_class(
    points: NDArray[np.float32], classes: NDArray[np.uint8], rig: StereoRig, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Class of the nearest point in each cell of the left image.

    Args:
        points: (N, 3) [m], grid frame.
        classes: (N,) train ids of the segmentation task: 0 is unlabelled, and no class here.
        rig: the camera.
        size: (h, w), the number of cells.

    Returns:
        `size` uint8, 255 where a cell has no point or its nearest point no class.
    """
    pixels, depth = rig.project(points)
    farthest_first = np.argsort(-depth)
    pixels, classes = pixels[farthest_first], classes[farthest_first]
    with np.errstate(invalid="ignore"):
        cells = np.floor((pixels + 0.5) * (size[1] / rig.image_size[1], size[0] / rig.image_size[0]))
        seen = ((cells >= 0) & (cells < (size[1], size[0]))).all(axis=1)
    columns, rows = cells[seen].astype(np.int64).T
    result = np.full(size, UNKNOWN, np.uint8)
    # of several points in one cell the last one written stays: the nearest
    result[rows, columns] = np.where(classes[seen] == 0, np.uint8(UNKNOWN), classes[seen])
    return result
