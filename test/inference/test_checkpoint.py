"""A checkpoint agrees with itself."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ssc_ros.core import SscError
from ssc_ros.inference.checkpoint import FORMAT, CheckpointMetadata, load_checkpoint, read_metadata, save_checkpoint
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


def tiny(path: Path, **weights: float) -> Path:
    """A file of the smallest system, with some of its weights replaced by one number."""
    network = build("l2cocc_lidar", "edge")
    spec = network.spec
    with torch.no_grad():
        for name, value in weights.items():
            network.get_parameter(name.replace("__", ".")).flatten()[:1] = value
    save_checkpoint(
        path, network, CheckpointMetadata("m", "l2cocc_lidar", "edge", "semantic_kitti", spec.grid, spec.sensors)
    )
    return path


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    name = next(name for name, _ in build("l2cocc_lidar", "edge").named_parameters())
    path = tiny(tmp_path / "diverged.safetensors", **{name.replace(".", "__"): value})
    with pytest.raises(SscError, match=rf"diverged\.safetensors' is broken: 1 of .*such as '{re.escape(name)}'"):
        load_checkpoint(path)


DEEP = "[" * 200_000 + "]" * 200_000
WRONG: list[tuple[str, str]] = [
    ("null", "the text is null"),
    ("[1, 2]", "the text is a list"),
    ("7", "the text is 7"),
    (DEEP, "nested too deeply"),
    ("{", "Expecting"),
    ('{"model_id": 7}', "'model_id' is 7, expected a string"),
    ('{"model_id": null}', "'model_id' is null, expected a string"),
    ('{"grid": null}', "'grid' is null, expected an object"),
    ('{"grid": [1]}', "'grid' is a list of 1, expected an object"),
    ('{"grid": {"shape": [1, 2]}}', "'grid.min_corner' is missing"),
    ('{"inputs": "stereo"}', "'inputs' is \"stereo\", expected a list"),
    ('{"inputs": [1]}', "'inputs' is a list of 1, expected a list of strings"),
    ('{"metrics": {"miou": "good"}}', "'metrics.miou' is \"good\", expected a finite number"),
    ('{"metrics": {"miou": NaN}}', "'metrics.miou' is NaN, expected a finite number"),
    ('{"metrics": {"miou": 1' + 400 * "0" + "}}", "'metrics.miou' is a very large number"),
    ('{"provenance": {"seed": 0}}', "'provenance.seed' is 0, expected a string"),
    ('{"polar": 3}', "'polar' is 3, expected an object"),
    ('{"activation_ranges": {"a": [1]}}', "'activation_ranges.a' is a list of 1, expected a list of 2 numbers"),
    ('{"label_set_name": "mine"}', "label set 'mine' is not one of"),
    ('{"colour": 1}', "'colour' is no known key"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[message for _, message in WRONG])
def test_metadata_of_another_type_name_the_file_and_the_key(tmp_path: Path, changes: str, message: str) -> None:
    spec = build("l2cocc_lidar", "edge").spec
    sound = CheckpointMetadata("m", "l2cocc_lidar", "edge", "semantic_kitti", spec.grid, spec.sensors).to_json()
    try:
        text = json.dumps(json.loads(sound) | json.loads(changes))
    except (TypeError, ValueError, RecursionError):
        text = changes
    path = tmp_path / "odd.safetensors"
    save_file({"weight": torch.zeros(1)}, path, {"format": FORMAT, "ssc_ros": text})
    with pytest.raises(SscError, match=rf"odd\.safetensors.*{re.escape(message)}"):
        read_metadata(path)
