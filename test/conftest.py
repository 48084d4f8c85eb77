"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real driving data and the label maps of the data sets, kept outside the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the label maps of the data sets in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def kitti_root() -> Path:
    """Root of real SemanticKITTI data (it holds `sequences/`): SSC_KITTI_ROOT, else ../shared/data/kitti."""
    root = Path(os.environ.get("SSC_KITTI_ROOT", REPOSITORY.parent / "shared" / "data" / "kitti"))
    if not (root / "sequences").is_dir():
        pytest.skip("needs real SemanticKITTI frames: set SSC_KITTI_ROOT to a folder that holds sequences/")
    return root


@pytest.fixture
def kitti_tree(tmp_path: Path) -> Path:
    """Root of a tiny data set of noise: sequence 08, six frames of 122 x 37 pixels, ground truth for 0 and 5."""
    from .data.kitti_tree import write_sequence

    write_sequence(tmp_path / "tree" / "sequences" / "08")
    return tmp_path / "tree"
