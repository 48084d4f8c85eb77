"""What tests of inference share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for compiled parts that nobody else has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
