"""Label maps: what the shipped ones say, and what a file of somebody's own may say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, UNKNOWN, SscError
from ssc_ros.data.label_maps import read_label_map, shipped_label_maps

COUNTS = {"ade20k": 150, "cityscapes": 19, "mapillary": 66, "mapillary_v2": 124, "semantic_kitti": 34}


def test_the_shipped_maps_list_every_id_of_their_data_sets() -> None:
    assert {name: len(read_label_map(name).classes) for name in shipped_label_maps()} == COUNTS
    for name in COUNTS.keys() - {"semantic_kitti"}:
        assert sorted(read_label_map(name).classes) == list(range(COUNTS[name]))


def test_the_map_of_semantic_kitti_says_what_its_label_set_says() -> None:
    """Ids that the completion task ignores have no class."""
    raw = np.array(sorted(SEMANTIC_KITTI.train_ids), np.uint16)
    expected = SEMANTIC_KITTI.train_from_raw_points(raw)
    found = read_label_map("semantic_kitti").train_ids(raw, SEMANTIC_KITTI)
    np.testing.assert_array_equal(np.where(expected == 0, UNKNOWN, expected), found)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("cityscapes", {"road": 0, "car": 13, "vegetation": 8, "pole": 5, None: 10}),
        ("mapillary", {"road": 13, "car": 55, "vegetation": 30, "pole": 45, None: 27}),
        ("mapillary_v2", {"road": 21, "building": 27, "person": 30, None: 123}),
        ("ade20k", {"road": 6, "car": 20, "vegetation": 4, "pole": 93, None: 2}),
    ],
)
def test_well_known_ids_have_their_class(name: str, ids: dict[str | None, int]) -> None:
    """Among them the sky, which has none."""
    assert {read_label_map(name).classes[label]: label for label in ids.values()} == ids


def test_an_id_that_is_not_listed_is_named_but_void_is_unknown() -> None:
    cityscapes = read_label_map("cityscapes")
    ids = np.array([[0, 255], [65535, 10]], np.uint16)
    np.testing.assert_array_equal(cityscapes.train_ids(ids, SEMANTIC_KITTI), [[9, UNKNOWN], [UNKNOWN, UNKNOWN]])
    with pytest.raises(SscError, match="cityscapes has no ids 19, 42"):
        cityscapes.train_ids(np.array([0, 42, 19], np.uint8), SEMANTIC_KITTI)


def test_a_class_that_a_label_set_lacks_is_unknown_there() -> None:
    trunk = np.array([71], np.uint16)
    assert read_label_map("semantic_kitti").train_ids(trunk, SSCBENCH_KITTI_360) == UNKNOWN


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("labels: [{id: 1, class: road}, {id: 1, class: car}]", "label 2 has the id 1, which an earlier one has"),
        ("labels: [{id: 1, class: street}]", "label 1 has the class 'street', expected none or one of bicycle, "),
        ("labels: [{id: 1, class: empty}]", "the class 'empty'"),
        ("labels: [{id: 65536}]", "the id 65536, expected a whole number from 0 to 65535"),
        ("labels: [{id: true}]", "the id True"),
        ("labels: [{name: road, class: road}]", "expected id, and perhaps name and class"),
        ("labels: [{id: 1, colour: red}]", "expected id, and perhaps name and class"),
        ("labels: {1: road}", "no list 'labels'"),
        ("0: road", "no list 'labels'"),
        ("labels: [", "cannot read the label map"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(SscError) as refused:
        read_label_map(str(path))
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_is_told_from_others_by_what_it_says(tmp_path: Path) -> None:
    maps = []
    for name, text in (("a", "{id: 1, class: car}"), ("b", "{name: x, id: 1, class: car}"), ("c", "{id: 1}")):
        (tmp_path / name).write_text(f"labels: [{text}]")
        maps.append(read_label_map(str(tmp_path / name)))
    assert maps[0].digest == maps[1].digest != maps[2].digest


def test_a_map_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(SscError, match="no label map cityscape; expected one of ade20k, cityscapes, mapillary"):
        read_label_map("cityscape")
