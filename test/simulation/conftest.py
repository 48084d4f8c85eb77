"""A short simulated data set that the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.simulation.sequence import SequenceJob
from ssc_ros.simulation.simulate import simulate


@pytest.fixture(scope="session")
def synth_job(tmp_path_factory: pytest.TempPathFactory) -> SequenceJob:
    """A finished sequence 08 of three frames with ground truth of four sweeps at frames 0 and 2."""
    root: Path = tmp_path_factory.mktemp("synth")
    job = SequenceJob(root, "08", seed=0, frames=3, voxel_step=2, scans=4)
    assert list(simulate([job], processes=1))[-1] == (6 + 2, 6 + 2)
    return job
