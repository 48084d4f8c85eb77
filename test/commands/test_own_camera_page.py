"""The commands of docs/own_camera.md, followed literally on made rigs, from images to a picture."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ssc_ros.cli import main
from ssc_ros.core import GRID_HEIGHT
from ssc_ros.data.grid_files import load_grid

from ..assembly.doctor.made_rig import MadeRig

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own_camera.md"
RIGS = {
    "delivery robot": MadeRig.of(0.7, -2.0, 1.0, baseline=0.12),
    "field robot": MadeRig.of(1.2, 8.0, -3.0),
    "car": MadeRig.of(1.7, 0.0, 2.0, baseline=0.5),
}


def numbered_commands() -> dict[int, list[str]]:
    """The words of each numbered command of the page, by its number."""
    (block,) = re.findall(r"## Ten commands at most\n\n```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found = re.findall(r"^(.+?) +# (\d+)$", block, re.MULTILINE)
    return {int(number): shlex.split(command) for command, number in found}


def test_there_are_ten_commands_at_most() -> None:
    commands = numbered_commands()
    assert sorted(commands) == list(range(1, len(commands) + 1))
    assert len(commands) <= 10


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGS)
def test_the_page_leads_from_images_to_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    rig = RIGS[name]
    monkeypatch.chdir(tmp_path)
    for side, image in zip(("left", "right"), rig.pair(), strict=True):
        (tmp_path / side).mkdir()
        assert cv2.imwrite(str(tmp_path / side / "0.png"), image)
    rig.write_calibration(tmp_path)
    for words in numbered_commands().values():
        if words[:2] in (["ssc-ros", "doctor"], ["ssc-ros", "complete"]):
            assert main(words[1:]) == 0, words
    with Image.open(tmp_path / "completed" / "0.png") as picture:
        assert picture.size[0] == 1660
    assert (tmp_path / "completed" / "film.gif").stat().st_size > 10_000
    # the ground near the camera is where the grid has it, whatever the height of the camera
    grid = load_grid(tmp_path / "completed" / "0.npz")
    near = grid.labels[20:60, 118:138]
    lowest = np.argmax((near != 0) & (near != 255), axis=2)
    heights = grid.grid.min_corner[2] + (lowest + 0.5) * grid.grid.voxel_size
    assert abs(float(np.median(heights)) + GRID_HEIGHT) < 0.3
