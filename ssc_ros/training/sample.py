"""A training sample: the network's inputs and the truth they are compared with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import UNKNOWN, LabelSet, StereoRig
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.systems import SceneInputs


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


class Sample(NamedTuple):
    """Inputs and truth of one frame, or of a batch of frames."""

    inputs: SceneInputs
    truth: SceneTruth


def prepare_sample(sequence: KittiSequence, frame_id: str, prepare: InputPreparer, label_set: LabelSet) -> Sample:
    """Read one frame from disk and do all the work that augmentation does not change."""
    frame = sequence.frame(frame_id)
    inputs = prepare(frame)
    size = prepare.spec.context_size
    if frame.points is not None and (sequence.path / "labels").is_dir():
        classes = label_set.train_from_raw_points(sequence.point_labels(frame_id))
        image = nearest_class(frame.points[:, :3], classes, frame.rig, size)
    else:
        image = np.full(size, UNKNOWN, np.uint8)
    labels = torch.from_numpy(sequence.target(frame_id))
    return Sample(inputs, SceneTruth(labels, inputs["lidar_depth"].clone(), torch.from_numpy(image)))


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
