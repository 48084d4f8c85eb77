"""Training with class maps of another network: every sample of a batch has its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import SscError
from ssc_ros.systems import STEREO
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scene_data import SceneData

SPEC = replace(tiny_street.SPEC, sensors=(STEREO,), pair=("stereo_sightings",))
ROAD, BUILDING = 9, 13


def write_maps(folder: Path, street: Path) -> Path:
    """Maps of all frames of a street, by Cityscapes: the left half of each is road, the right half building."""
    for image in (street / "sequences").glob("*/image_2/*.png"):
        path = folder / "sequences" / image.parts[-3] / "semantic_2" / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.array([[0, 2]], np.uint8))
    return folder


def data_of(street: Path, tmp_path: Path, **options: object) -> SceneData:
    options = {"spec": SPEC, "augmentation": SceneAugmentation(flip=0.5), "batch_size": 2} | options
    return SceneData(
        label_set="semantic_kitti",
        root=street,
        train=["00"],
        validation=["08"],
        workers=0,
        cache=tmp_path / "cache",
        **options,  # type: ignore[arg-type]
    )


def test_each_sample_has_its_map_mirrored_with_its_image(street: Path, tmp_path: Path) -> None:
    maps = write_maps(tmp_path / "maps", street)
    data = data_of(street, tmp_path, semantics=maps, label_map="cityscapes")
    data.prepare_data()
    height, width = SPEC.context_size
    road, building = (torch.full((height, width // 2), c, dtype=torch.uint8) for c in (ROAD, BUILDING))
    unmirrored, mirrored = torch.cat([road, building], 1), torch.cat([building, road], 1)
    seen = [classes for batch in data.train_dataloader() for classes in batch.inputs["image_classes"]]
    assert len(seen) == len(data.train_scenes)
    assert all(torch.equal(classes, unmirrored) or torch.equal(classes, mirrored) for classes in seen)
    for batch in data.val_dataloader():
        assert all(torch.equal(classes, unmirrored) for classes in batch.inputs["image_classes"])


def test_maps_that_cannot_be_meant_are_refused(street: Path, tmp_path: Path) -> None:
    maps = write_maps(tmp_path / "maps", street)
    with pytest.raises(SscError, match="edge_labelled"):
        data_of(street, tmp_path, spec=replace(SPEC, pair=()), semantics=maps, label_map="cityscapes")
    with pytest.raises(SscError, match="name their label map"):
        data_of(street, tmp_path, semantics=maps)
    next(maps.rglob("000000.png")).unlink()
    with pytest.raises(SscError, match="there is no such file"):
        data_of(street, tmp_path, semantics=maps, label_map="cityscapes").prepare_data()
