"""Class maps in a folder: where they are, what files they may be, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ssc_ros.core import SEMANTIC_KITTI, SscError, labels_at
from ssc_ros.data.class_maps import ClassMaps

ROAD, CAR = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("car")
IDS = np.array([[0, 13], [10, 255]], np.uint8)
"""Road, car, sky and nothing, by Cityscapes."""


def maps_of(folder: Path, label_map: str | None = "cityscapes") -> ClassMaps:
    return ClassMaps.open(folder, label_map)


@pytest.mark.parametrize("place", ["sequences/08/semantic_2/000003.png", "000003.png"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_map_of_any_size_is_spread_over_its_image(tmp_path: Path, place: str, kind: type) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(tmp_path / place), IDS.astype(kind))
    found = maps_of(tmp_path).train_ids("08", "000003", (4, 6), SEMANTIC_KITTI)
    expected = np.array([[ROAD, CAR], [255, 255]], np.uint8).repeat(2, axis=0).repeat(3, axis=1)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_a_palette_is_no_colour(tmp_path: Path) -> None:
    image = Image.fromarray(IDS, "L").convert("P")
    image.putdata(IDS.ravel().tolist())
    image.putpalette(list(range(255, -1, -1)) * 3)
    image.save(tmp_path / "000003.png")
    found = maps_of(tmp_path).train_ids("08", "000003", IDS.shape, SEMANTIC_KITTI)
    np.testing.assert_array_equal(found, [[ROAD, CAR], [255, 255]])


def test_each_cell_has_the_label_of_its_middle() -> None:
    labels = np.random.default_rng(0).integers(0, 20, (37, 122)).astype(np.uint8)
    cells = labels_at(labels, (5, 40))
    for row, column in np.ndindex(5, 40):
        assert cells[row, column] == labels[int((row + 0.5) * 37 / 5), int((column + 0.5) * 122 / 40)]
    np.testing.assert_array_equal(labels_at(labels, labels.shape), labels)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"no image", "no image, or damaged"),
        (np.zeros((2, 2, 3), np.uint8), "pixels are of mode RGB"),
        (np.full((2, 2), 77, np.uint8), "label map cityscapes has no ids 77"),
    ],
    ids=["missing", "damaged", "colours", "a foreign id"],
)
def test_a_file_that_is_no_map_is_named(tmp_path: Path, content: np.ndarray | bytes | None, words: str) -> None:
    path = tmp_path / "000003.png"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        cv2.imwrite(str(path), content)
    with pytest.raises(SscError) as refused:
        maps_of(tmp_path).train_ids("08", "000003", (2, 2), SEMANTIC_KITTI)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_folder_and_its_label_map_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SscError, match="does not exist"):
        maps_of(tmp_path / "nowhere")
    with pytest.raises(SscError, match="name their label map"):
        maps_of(tmp_path, None)
