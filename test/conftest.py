"""Fixtures that several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

LABEL_MAPS = ("semantic-kitti.yaml", "sscbench_kitti360.yaml")


@pytest.fixture(scope="session")
def kitti_root() -> Path:
    """Root of real SemanticKITTI frames: the folder SSC_KITTI_ROOT, which holds `sequences/`."""
    root = os.environ.get("SSC_KITTI_ROOT")
    if not root or not (Path(root) / "sequences").is_dir():
        pytest.skip("needs real SemanticKITTI frames: set SSC_KITTI_ROOT to a folder that holds sequences/")
    return Path(root)


@pytest.fixture(scope="session")
def label_maps() -> Path:
    """Folder of the published label maps of the data sets: the one that holds the folder SSC_KITTI_ROOT."""
    root = os.environ.get("SSC_KITTI_ROOT")
    folder = Path(root).absolute().parent if root else None
    if folder is None or not all((folder / name).is_file() for name in LABEL_MAPS):
        pytest.skip(f"needs {' and '.join(LABEL_MAPS)} next to the folder that SSC_KITTI_ROOT names")
    return folder


@pytest.fixture
def kitti_tree(tmp_path: Path) -> Path:
    """Root of a tiny data set of noise: sequence 08, six frames of 122 x 37 pixels, ground truth for 0 and 5."""
    from .data.kitti_tree import write_sequence

    write_sequence(tmp_path / "tree" / "sequences" / "08")
    return tmp_path / "tree"
