"""A checkpoint agrees with itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.core import SscError
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint, save_checkpoint
from ssc_ros.systems import build


def test_a_label_set_of_other_classes_than_the_preset_s_is_refused(tmp_path: Path) -> None:
    network = build("l2cocc_lidar", "edge")
    path = tmp_path / "mixed.safetensors"
    spec = network.spec
    for label_set in ("sscbench_kitti_360", "semantic_kitti"):
        metadata = CheckpointMetadata("mixed", "l2cocc_lidar", "edge", label_set, spec.grid, spec.sensors)
        save_checkpoint(path, network, metadata)
        if label_set == "semantic_kitti":
            assert load_checkpoint(path)[0].class_count == 20
        else:
            with pytest.raises(SscError, match=r"mixed\.safetensors.* 19 classes .* 20"):
                load_checkpoint(path)


def test_metadata_survive_their_text() -> None:
    spec = build("polarnet", "edge").spec
    metadata = CheckpointMetadata(
        "m", "polarnet", "edge", "semantic_kitti", spec.grid, spec.sensors, {"seed": "1"}, {"miou": 0.5}, "CC0-1.0",
        spec.polar, {"head.body": (-0.5, 2.25)},
    )  # fmt: skip
    assert CheckpointMetadata.from_json(metadata.to_json()) == metadata
