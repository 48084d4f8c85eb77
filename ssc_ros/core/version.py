"""Which code is running: the version, and the commit of a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import ssc_ros


def version_text() -> str:
    """Return name, version and, in a git checkout, the short commit: "ssc_ros 0.2.0 (commit 6908295)"."""
    commit = code_commit()
    if commit is None:
        return f"ssc_ros {ssc_ros.__version__}"
    changed = commit.endswith("+")
    return f"ssc_ros {ssc_ros.__version__} (commit {commit[:7]}{', with changes' if changed else ''})"


def code_commit(package: Path | None = None) -> str | None:
    """Return the checkout's commit, 40 hexadecimal digits, with "+" when files were changed since.

    Args:
        package: folder of the package's code; default: this one's.

    Returns:
        None where the code is not part of a checkout, or where git is not installed.
    """
    git = ("git", "-C", str(package or Path(ssc_ros.__file__).parent))
    try:
        subprocess.run(
            (*git, "ls-files", "--error-unmatch", "__init__.py"), capture_output=True, timeout=10, check=True
        )
        describe = (*git, "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*")
        done = subprocess.run(describe, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
