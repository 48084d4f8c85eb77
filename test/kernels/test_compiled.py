"""A compilation is told, once; what a start before has left on disk is not compiled again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ssc_ros.kernels.compiled import first_compilation, kernel


def double(x: Any) -> Any:
    return x * 2


def test_the_first_compilation_of_a_machine_is_told_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told: list[str] = []
    with first_compilation(lambda: told.append("first start")):
        fresh = kernel(double)
        assert (fresh(3), fresh(1.5)) == (6, 3.0)  # compiled for two types
    with first_compilation(lambda: told.append("second start")):
        assert kernel(double)(3) == 6
    assert told == ["first start"]
