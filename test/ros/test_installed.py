"""What a launch needs of other packages is looked for before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ament_index_python", reason="ament_index_python comes with ROS 2")

from ssc_ros.ros.installed import require_executable


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation that knows a package, without its executable yet."""
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "viewer").touch()
    return tmp_path


def test_a_package_or_executable_that_is_missing_is_named_with_the_remedy(prefix: Path) -> None:
    with pytest.raises(FileNotFoundError, match="package rviz2 is not installed: install it"):
        require_executable("rviz2", "rviz2", "install it")
    with pytest.raises(FileNotFoundError, match="no executable viewer: install it"):
        require_executable("viewer", "viewer", "install it")
    (prefix / "lib" / "viewer").mkdir(parents=True)
    (prefix / "lib" / "viewer" / "viewer").touch()
    require_executable("viewer", "viewer", "install it")


def test_without_any_installation_the_package_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    with pytest.raises(FileNotFoundError, match="package rviz2 is not installed: install it"):
        require_executable("rviz2", "rviz2", "install it")
