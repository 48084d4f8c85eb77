"""Where the files beside the code are: models, configurations, launch files, RViz views."""

from __future__ import annotations

from pathlib import Path

from ssc_ros.core.errors import SscError

SHIPPED_CHECKPOINT = Path("models/l2cocc_edge.safetensors")
"""The network of every command that is not told another one; below `share_directory`."""


def share_directory(package: Path | None = None) -> Path:
    """Folder that holds models/, config/, rviz/ and launch/, wherever the package was installed.

    In a checkout, also an editable or symlinked one, it is the repository root; installed by pip or colcon it is
    share/ssc_ros under the prefix that holds the code. Found from the code's own place, not from the environment, so
    that code and models never come from two installations.

    Args:
        package: folder of the package's code; default: this one's.

    Raises:
        SscError: the code was copied without its resources.
    """
    package = package or Path(__file__).resolve().parents[1]
    if (package.parent / "package.xml").is_file():
        return package.parent
    for prefix in package.parents:
        share = prefix / "share" / "ssc_ros"
        if (share / "package.xml").is_file():
            return share
    raise SscError(f"no share/ssc_ros above {package}: install ssc_ros with pip or colcon, or run it from a checkout")


def find_file(name: str) -> Path:
    """Return where a file is that a user has named: as it stands, else below `share_directory`, as models/... is.

    A relative name is taken from the working directory first, so that own files win; one that is nowhere stays as it
    was given, for an error of whoever opens it.
    """
    path = Path(name).expanduser()
    shipped = share_directory() / path  # of an absolute name, that name
    return shipped if shipped.is_file() and not path.is_file() else path


def shipped_checkpoint() -> Path:
    """Where `SHIPPED_CHECKPOINT` is installed.

    Raises:
        SscError: the code was copied without its resources.
    """
    return share_directory() / SHIPPED_CHECKPOINT
