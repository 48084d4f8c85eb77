"""A real browser shows what `ssc-ros view` serves, in the colours of the classes, and asks no other host."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid
from ssc_ros.data.grid_files import LEFT_IMAGE, save_grid

from .browser import Browser, find_browser

pytest.importorskip("rerun", reason="needs rerun: pip install 'ssc_ros[viewer]'")

BOX = SceneGrid((0.0, -25.6, -2.0), 1.6, (32, 32, 4))
LEFT_COLOR = (20, 200, 120)
SHOWN = ("road", "building", "vegetation")
PATIENCE = 500.0
"""For a software renderer on a busy machine [s]."""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two grids with left images, as `ssc-ros complete` writes them: a street between a house and a hedge."""
    labels = np.zeros(BOX.shape, np.uint8)
    labels[:, :, 0] = SEMANTIC_KITTI.names.index("road")
    labels[:, 25:30, 1:4] = SEMANTIC_KITTI.names.index("building")
    labels[:, 2:7, 1:3] = SEMANTIC_KITTI.names.index("vegetation")
    for number in range(2):
        grid = SemanticGrid(labels, BOX, SEMANTIC_KITTI, 1_000_000_000 + number * 100_000_000)
        save_grid(grid, tmp_path / "results", f"{number}", ["npz"])
        Image.new("RGB", (640, 400), LEFT_COLOR).save(tmp_path / "results" / f"{number}{LEFT_IMAGE}")
    return tmp_path / "results"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.skip("needs Chromium: apt install chromium")
    browser = Browser(path, tmp_path / "profile")
    yield browser
    browser.close()


@pytest.fixture
def view(results: Path) -> Iterator[subprocess.Popen[str]]:
    """`ssc-ros view` of the results, as a process."""
    command = [sys.executable, "-m", "ssc_ros.cli", "view", "--results", str(results), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    process.wait(60)
    _, left_behind = psutil.wait_procs(children, timeout=30)
    assert left_behind == []


def pixels_of(color: tuple[int, int, int], image: NDArray[np.uint8], tolerance: int) -> int:
    return int((np.abs(image.astype(int) - color).max(axis=-1) <= tolerance).sum())


def pixels_of_hue(color: tuple[int, int, int], image: NDArray[np.uint8]) -> int:
    """Pixels of a colour in whatever light."""
    pixels = image.reshape(-1, 3).astype(float)
    strength = np.linalg.norm(pixels, axis=1)
    likeness = pixels @ np.divide(color, np.linalg.norm(color)) / np.maximum(strength, 1)
    return int(((likeness > 0.985) & (strength > 60)).sum())


def missing(image: NDArray[np.uint8]) -> list[str]:
    """What is not on the page."""
    palette = dict(zip(SEMANTIC_KITTI.names, SEMANTIC_KITTI.palette, strict=True))
    left, right = image[:, : image.shape[1] // 2], image[:, image.shape[1] // 2 :]
    legend = [name for name in SEMANTIC_KITTI.names[1:] if pixels_of(palette[name], right, 6) < 8]
    voxels = [f"{name} voxels" for name in SHOWN if pixels_of_hue(palette[name], left) < 500]
    return legend + voxels + (["left image"] if pixels_of(LEFT_COLOR, right, 6) < 1000 else [])


@pytest.mark.slow
def test_a_browser_shows_the_classes_and_asks_nobody_else(
    browser: Browser, view: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert view.stdout is not None
    page = next(word for word in view.stdout.readline().split() if word.startswith("http://127.0.0.1:"))
    assert view.stdout.readline().startswith("2 grids")
    # all that is served is served to this computer alone
    family = [psutil.Process(view.pid), *psutil.Process(view.pid).children(recursive=True)]
    served = [c.laddr for process in family for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(served) == 3
    assert {address.ip for address in served} == {"127.0.0.1"}
    # what a person sees
    browser.call("Page.navigate", url=f"{page}&renderer=webgl")
    begin, absent = time.monotonic(), ["everything"]
    while absent and time.monotonic() < begin + PATIENCE:
        browser.wait(2)
        image = browser.screenshot()
        absent = missing(image)
    Image.fromarray(image).save(tmp_path / "screenshot.png")
    assert absent == [], f"see {tmp_path / 'screenshot.png'}; the page said {browser.console[-20:]}"
    # whom the page asks
    foreign = {n: url for n, url in browser.requested.items() if urlsplit(url).hostname not in ("127.0.0.1", None)}
    assert {url for number, url in foreign.items() if number not in browser.refused} == set()
