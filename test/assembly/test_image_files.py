"""Pairs of image files by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.assembly.image_files import paired_files
from ssc_ros.core import SscError


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"there is no image .*/right$"):
        paired_files(tmp_path, tmp_path / "right")


def test_a_file_and_a_folder_are_no_pair(tmp_path: Path) -> None:
    (tmp_path / "left.png").touch()
    with pytest.raises(SscError, match="is a folder, the other is not"):
        paired_files(tmp_path / "left.png", tmp_path)
