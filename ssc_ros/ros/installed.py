"""Programs of other packages that a launch needs: looked for before anything starts."""

from __future__ import annotations

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix


def require_executable(package: str, name: str, remedy: str) -> None:
    """Make sure that an executable of a ROS package is installed.

    Args:
        package: its name, such as "rviz2".
        name: of the executable.
        remedy: what to do otherwise.

    Raises:
        FileNotFoundError: it is not; launch shows the text.
    """
    try:
        folder = Path(get_package_prefix(package), "lib", package)
    except (PackageNotFoundError, LookupError, OSError) as error:  # the last where no installation is sourced
        raise FileNotFoundError(f"the package {package} is not installed: {remedy}") from error
    if not (folder / name).is_file():
        raise FileNotFoundError(f"{folder} has no executable {name}: {remedy}")
