"""A copy of the repository without what is generated, for tests that build it."""

import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GENERATED = (
    ".git",
    ".venv*",
    ".*_cache",
    ".hypothesis",
    "*.egg-info",
    "__pycache__",
    "build",
    "dist",
    "install",
    "log",
    "results",
)


@pytest.fixture
def source_tree(tmp_path: Path) -> Path:
    """The package as a workspace would hold it: <tmp_path>/src/ssc_ros."""
    tree = tmp_path / "src" / "ssc_ros"
    shutil.copytree(REPOSITORY, tree, symlinks=True, ignore=shutil.ignore_patterns(*GENERATED))
    return tree
