"""The three processes, over DDS: what one of them counts agrees with what the others do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssc_ros.core import SscError, StereoRig
from ssc_ros.profiling.ros.made_up import OPTICAL, noise

pytest.importorskip("rclpy")

RIG = StereoRig(np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]), 0.5, (48, 64), OPTICAL)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    from ssc_ros.profiling.ros.run import Load, run

    return lambda hz, seconds, **load: run(Load(hz, seconds, **load), noise(RIG, 500), tmp_path)


@pytest.mark.slow
def test_every_frame_is_a_grid_or_a_drop(run: Callable[..., Any]) -> None:
    """A network that takes four periods: the newest frame wins, and the others are counted."""
    found = run(5, 4, work_ms=800)
    assert found.sent == 20
    assert 2 <= found.arrived <= found.published
    assert found.drops["busy"] > 0
    assert 0 <= found.lost <= 4  # images are sent best-effort, and a busy machine may lose some
    assert found.published + found.drops["busy"] + found.drops.get("unpaired", 0) + found.lost == found.sent
    assert all(usage.peak >= usage.resident > 0 for usage in found.processes.values())
    assert set(found.processes) == {"publisher", "node", "subscriber"}


def test_a_node_that_fails_is_named(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SscError, match="the node ended with status 1"):
        run(10, 1, checkpoint=tmp_path / "none.safetensors")
    assert "none.safetensors" in capsys.readouterr().err
