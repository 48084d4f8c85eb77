"""Fixtures of the tests of messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.kitti_bag import convert


@pytest.fixture
def sequence(kitti_tree: Path) -> KittiSequence:
    """Six frames of noise."""
    return KittiSequence.open(kitti_tree / "sequences" / "08")


@pytest.fixture
def bag(sequence: KittiSequence, tmp_path: Path) -> Path:
    """The bag of `sequence`."""
    convert(sequence, tmp_path / "bag", sequence.frame_ids)
    return tmp_path / "bag"
