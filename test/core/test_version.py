"""The version that `ssc-ros --version` tells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import ssc_ros
from ssc_ros.core import version


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A package in a git checkout of its own, with one commit."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "ssc_ros"
    package.mkdir()
    (package / "__init__.py").write_text("")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return package


def test_the_commit_of_a_checkout_is_git_s_own(checkout: Path) -> None:
    told = subprocess.run(["git", "-C", str(checkout), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert version.code_commit(checkout) == told.stdout.strip()


def test_changed_files_are_told(checkout: Path) -> None:
    (checkout / "__init__.py").write_text("changed = True\n")
    commit = version.code_commit(checkout)
    assert commit
    assert commit.endswith("+")


def test_a_package_that_lies_in_a_foreign_checkout_has_no_commit(checkout: Path) -> None:
    """Such as an environment that was made inside another project."""
    installed = checkout.parent / "environment" / "ssc_ros"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert version.code_commit(installed) is None


@pytest.mark.parametrize(
    ("commit", "text"),
    [
        (None, f"ssc_ros {ssc_ros.__version__}"),
        ("0123456789" * 4, f"ssc_ros {ssc_ros.__version__} (commit 0123456)"),
        ("0123456789" * 4 + "+", f"ssc_ros {ssc_ros.__version__} (commit 0123456, with changes)"),
    ],
)
def test_the_text_has_version_and_commit(monkeypatch: pytest.MonkeyPatch, commit: str | None, text: str) -> None:
    monkeypatch.setattr(version, "code_commit", lambda: commit)
    assert version.version_text() == text
