"""A tiny street on disk and tiny presets, for every test of training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import tiny_street

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.systems import LIDAR, STEREO, SYSTEMS
from ssc_ros.training.sample_cache import SampleCache
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scenes import Scenes, open_sequences


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a data set with sequence 00 of six frames, 01 of one, and 08 of two."""
    root = tmp_path_factory.mktemp("street")
    tiny_street.write_street(root, "01", 1, seed=2)
    tiny_street.write_street(root, "00", 6, seed=0)
    tiny_street.write_street(root, "08", 2, seed=1)
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the tiny preset of every system."""
    for system, preset in tiny_street.PRESETS.items():
        monkeypatch.setitem(SYSTEMS[system], "tiny", preset)
    return "tiny"


@pytest.fixture
def scenes(street: Path, tmp_path: Path) -> Scenes:
    """The prepared scenes of sequence 00, with what both sensors see: as a student and its teacher need them."""
    sequences = open_sequences([street], ["00"], tiny_street.GRID, SEMANTIC_KITTI)
    spec = replace(tiny_street.SPEC, sensors=(LIDAR, STEREO))
    made = Scenes(sequences, SampleCache(tmp_path, spec, SEMANTIC_KITTI), SceneAugmentation())
    for frame in made.frames:
        made.cache.write(*frame)
    return made


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread: the networks are too small to share out, and sums keep their order."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
