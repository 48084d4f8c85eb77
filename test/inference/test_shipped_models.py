"""What lies in models/ is what the commands and the documents say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.core import LIDAR, STEREO
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, share_directory, shipped_checkpoint
from ssc_ros.inference.checkpoint import load_checkpoint, read_metadata

MODELS = share_directory() / "models"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_every_checkpoint_opens_and_has_its_card(path: Path) -> None:
    network, metadata = load_checkpoint(path)
    assert metadata.model_id == path.stem
    assert metadata.inputs == network.spec.sensors
    assert path.stem in path.with_suffix(".md").read_text()


def test_the_default_is_a_camera_model_and_its_teacher_ships_beside_it() -> None:
    student = read_metadata(shipped_checkpoint())
    teacher = read_metadata(MODELS / "l2cocc_lidar_edge.safetensors")
    assert (student.system, student.inputs) == ("l2cocc", (STEREO,))
    assert (teacher.system, teacher.inputs) == ("l2cocc_lidar", (LIDAR,))
    assert (student.grid, student.label_set_name) == (teacher.grid, teacher.label_set_name)


def test_the_name_of_the_default_is_written_once() -> None:
    package = Path(__file__).resolve().parents[2] / "ssc_ros"
    assert [path.name for path in package.rglob("*.py") if SHIPPED_CHECKPOINT.name in path.read_text()] == [
        "resources.py"
    ]
