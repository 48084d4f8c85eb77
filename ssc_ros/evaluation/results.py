"""Where results go: a dated folder for each run, and a link to the latest."""

from __future__ import annotations

import hashlib
import platform
from datetime import datetime
from pathlib import Path

import ssc_ros
from ssc_ros.core import SscError
from ssc_ros.core.version import code_commit


def new_result_folder(root: Path, name: str) -> Path:
    """Make `ROOT/<date>_<time>_<name>`.

    Raises:
        SscError: the folder cannot be made.
    """
    try:
        return _make_new(root, f"{datetime.now().astimezone():%Y-%m-%d_%H-%M-%S}_{name}")
    except OSError as error:
        raise SscError(f"cannot write results to {root}: {error.strerror}; choose another folder") from error


def point_latest_at(folder: Path) -> None:
    """Point `latest`, beside the folder, at it; in one step, so that the link never dangles."""
    fresh = folder.with_name(f".latest.{folder.name}")
    fresh.symlink_to(folder.name, target_is_directory=True)
    fresh.replace(folder.with_name("latest"))


def _make_new(root: Path, stem: str) -> Path:
    """A folder that was not there: two runs of one second get numbers."""
    root.mkdir(parents=True, exist_ok=True)
    for number in range(1, 1000):
        folder = root / (stem if number == 1 else f"{stem}.{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise SscError(f"{root / stem} and 999 more of its kind exist; clear the folder")


def provenance() -> dict[str, str | None]:
    """What made a result: version and commit of the code, machine, date."""
    return {
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "version": ssc_ros.__version__,
        "commit": code_commit(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def sha256(path: Path) -> str:
    """Hash of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
