"""Classes of image cells at the places of measured points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ssc_ros.core import SscError
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.inference.image_segmenter import ImageSegmenter, SegmentedImage
from ssc_ros.systems import build

SIZE = (40, 80)


def image_of_columns() -> SegmentedImage:
    """Twenty columns of cells: the left half is class 1, the right half class 2, and every cell is rather sky."""
    logits = torch.full((4, 10, 20), -9.0)
    logits[1, :, :10] = 4
    logits[2, :, 10:] = 4
    logits[0] = 20
    return SegmentedImage(logits, SIZE)


def test_a_measured_point_is_never_the_sky() -> None:
    image = image_of_columns()
    assert not image.map().any()
    pixels = np.random.default_rng(0).uniform((0, 0), (79, 39), (50, 2))
    probabilities = image.probabilities(pixels)
    assert probabilities.shape == (50, 4)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert not probabilities[:, 0].any()
    assert set(image.classes(pixels).tolist()) == {1, 2}


def test_the_border_between_two_classes_is_where_their_cells_meet() -> None:
    """Cells 9 and 10 meet at u = 39.5, the edge between the pixels 39 and 40."""
    columns = np.arange(20, 60, 0.25)
    classes = image_of_columns().classes(np.column_stack([columns, np.full_like(columns, 20)]))
    assert (classes[columns < 39.5] == 1).all()
    assert (classes[columns > 39.5] == 2).all()


def test_outside_of_the_image_the_nearest_cell_counts() -> None:
    assert image_of_columns().classes(np.array([[-30.0, 20], [200, 20], [10, -90]])).tolist() == [1, 2, 1]


def test_a_checkpoint_gives_the_classes_that_its_network_gives(tmp_path: Path, kitti_tree: Path) -> None:
    torch.manual_seed(0)
    network = build("segmenter", "edge").eval()
    grid = network.spec.grid
    metadata = CheckpointMetadata("t", "segmenter", "edge", "semantic_kitti", grid, ("stereo",))
    save_checkpoint(tmp_path / "t.safetensors", network, metadata)
    segmenter = ImageSegmenter.from_checkpoint(tmp_path / "t.safetensors", "cpu")
    frame = KittiSequence.open(kitti_tree / "sequences" / "08").frame("000000")
    result = segmenter.segment(frame)
    assert result.image_size == frame.rig.image_size
    assert result.map().shape == network.spec.context_size


def test_a_network_of_scenes_is_refused(tmp_path: Path) -> None:
    network = build("l2cocc_lidar", "edge")
    metadata = CheckpointMetadata("t", "l2cocc_lidar", "edge", "semantic_kitti", network.spec.grid, ("lidar",))
    save_checkpoint(tmp_path / "t.safetensors", network, metadata)
    with pytest.raises(SscError, match="gives no classes to pixels"):
        ImageSegmenter.from_checkpoint(tmp_path / "t.safetensors", "cpu")
