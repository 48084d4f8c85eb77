"""Films have as many pictures as were given, at the given rate, in their order."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ssc_ros.core import SscError
from ssc_ros.evaluation.film import write_film

COLORS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for number, color in enumerate(COLORS):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (1660, 1000), color).save(paths[-1])
    return paths


def test_a_gif_shows_each_picture_for_its_time(pictures: list[Path], tmp_path: Path) -> None:
    write_film(tmp_path / "film.gif", pictures, rate=5)
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == len(COLORS)
        for number, color in enumerate(COLORS):
            film.seek(number)
            assert film.info["duration"] == 200
            assert np.allclose(film.convert("RGB").getpixel((100, 100)), color, atol=8)


def test_an_mp4_has_each_picture(pictures: list[Path], tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", pictures, rate=5)
    film = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert film.get(cv2.CAP_PROP_FPS) == 5
    for color in COLORS:
        there, image = film.read()
        assert there
        assert image.shape[:2] == (500, 830)
        assert np.allclose(image[100, 100, ::-1], color, atol=12)
    assert not film.read()[0]


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_a_damaged_picture_leaves_no_film(pictures: list[Path], tmp_path: Path, suffix: str) -> None:
    pictures[1].write_bytes(b"no picture")
    with pytest.raises(SscError, match=r"1\.png"):
        write_film(tmp_path / f"film.{suffix}", pictures, rate=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.png", "1.png", "2.png"]
