"""What tests of inference share."""

import pytest


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A folder for compiled parts that nobody else has."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
