"""Where the files that belong to the package are, in a checkout and installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.core import SscError
from ssc_ros.core.resources import SHIPPED_CHECKPOINT, find_file, share_directory

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_checkout_is_its_own_share_directory() -> None:
    assert share_directory() == REPOSITORY


@pytest.mark.parametrize("packages", ["lib/python3.12/site-packages", "lib/python3.11/dist-packages", "."])
def test_installed_resources_are_found_from_the_code(tmp_path: Path, packages: str) -> None:
    (tmp_path / "share/ssc_ros").mkdir(parents=True)
    (tmp_path / "share/ssc_ros/package.xml").touch()
    assert share_directory(tmp_path / packages / "ssc_ros") == tmp_path / "share/ssc_ros"


def test_code_without_resources_says_so(tmp_path: Path) -> None:
    with pytest.raises(SscError, match="install ssc_ros with pip or colcon"):
        share_directory(tmp_path / "ssc_ros")


def test_a_shipped_file_is_found_from_any_folder_but_an_own_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = str(SHIPPED_CHECKPOINT)
    assert find_file(name) == REPOSITORY / SHIPPED_CHECKPOINT
    (tmp_path / "models").mkdir()
    (tmp_path / SHIPPED_CHECKPOINT).touch()
    assert find_file(name) == SHIPPED_CHECKPOINT
    assert find_file("nowhere.safetensors") == Path("nowhere.safetensors")
    assert find_file("/nowhere.safetensors") == Path("/nowhere.safetensors")
