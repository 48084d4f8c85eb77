"""Label sets against the published configuration files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import LABEL_SETS, SEMANTIC_KITTI, SSCBENCH_KITTI_360, LabelSet, SscError

FILES = [(SEMANTIC_KITTI, "semantic-kitti.yaml"), (SSCBENCH_KITTI_360, "sscbench_kitti360.yaml")]


@pytest.mark.parametrize(("label_set", "file"), FILES, ids=lambda value: getattr(value, "name", ""))
def test_maps_and_names_are_the_published_ones(label_set: LabelSet, file: str, label_maps: Path) -> None:
    yaml = pytest.importorskip("yaml")
    published = yaml.safe_load((label_maps / file).read_text())
    raw = np.array(sorted(published["learning_map"]))
    expected = np.array([published["learning_map"][i] for i in raw.tolist()])
    np.testing.assert_array_equal(label_set.train_from_raw_points(raw), expected)
    ignored = (expected == 0) & (raw != 0)
    np.testing.assert_array_equal(label_set.train_from_raw_voxels(raw), np.where(ignored, 255, expected))
    assert set(raw.tolist()) == set(label_set.train_ids)
    inverse = published["learning_map_inv"]
    assert label_set.raw_ids == tuple(inverse[train] for train in range(len(label_set)))
    names = tuple(published["labels"][inverse[train]] for train in range(1, len(label_set)))
    assert label_set.names == ("empty", *names)
    colors = [published["color_map"][inverse[train]] for train in range(1, len(label_set))]
    assert [list(rgb) for rgb in label_set.palette[1:]] == [bgr[::-1] for bgr in colors]


@pytest.mark.parametrize("label_set", LABEL_SETS.values(), ids=lambda s: s.name)
def test_raw_and_train_ids_are_inverse_to_each_other(label_set: LabelSet) -> None:
    train = np.arange(len(label_set), dtype=np.uint8)
    np.testing.assert_array_equal(label_set.train_from_raw_voxels(label_set.raw_from_train(train)), train)
    assert len(label_set.palette) == len(label_set.frequencies) == len(label_set.names) == len(label_set)
    assert len(set(label_set.palette)) == len(label_set)


def test_the_sets_have_the_published_sizes() -> None:
    assert (len(SEMANTIC_KITTI), len(SSCBENCH_KITTI_360)) == (20, 19)


def test_instances_are_dropped_and_moving_things_are_things() -> None:
    raw = np.array([10 | 77 << 16, 252, 253, 259, 60], np.uint32)
    names = [SEMANTIC_KITTI.names[i] for i in SEMANTIC_KITTI.train_from_raw_voxels(raw)]
    assert names == ["car", "car", "bicyclist", "other-vehicle", "road"]


def test_ids_that_the_set_does_not_know_are_named() -> None:
    with pytest.raises(SscError, match=r"raw label ids \[200, 201\] are not in the label set 'semantic_kitti'"):
        SEMANTIC_KITTI.train_from_raw_voxels(np.array([10, 201, 200, 200]))
    with pytest.raises(SscError, match="do not fit"):
        SEMANTIC_KITTI.raw_from_train(np.array([20], np.uint8))


def test_unknown_is_written_as_empty_and_drawn_grey() -> None:
    assert SEMANTIC_KITTI.raw_from_train(np.array([255], np.uint8)).tolist() == [0]
    assert SEMANTIC_KITTI.colors(np.array([255, 1], np.uint8)).tolist() == [[128, 128, 128], [100, 150, 245]]


def test_class_weights_are_those_of_monoscene() -> None:
    """1 / ln(n + 0.001); ten times these are the weights that VoxFormer prints to three decimals."""
    voxformer = [0.446, 0.603, 0.852, 0.856, 0.747, 0.734, 0.801, 0.796, 0.818, 0.557, 0.653, 0.568, 0.683, 0.560,
                 0.603, 0.530, 0.688, 0.574, 0.716, 0.786]  # fmt: skip
    np.testing.assert_allclose(10 * SEMANTIC_KITTI.class_weights, voxformer, atol=6e-4)
