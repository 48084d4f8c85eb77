"""The results of `ssc-ros complete`, to be looked at."""

from __future__ import annotations

from pathlib import Path

from ssc_ros.core import SscError
from ssc_ros.data.files import read_image
from ssc_ros.data.grid_files import LEFT_IMAGE, load_grid
from ssc_ros.viewing.messages import Scene


def grid_files(folder: Path) -> list[Path]:
    """Return the saved grids of a folder, sorted by name.

    Raises:
        SscError: there are none.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise SscError(f"there are no grids (NAME.npz) in {folder}; `ssc-ros complete --out {folder}` makes some")
    return paths


def view_results(folder: Path, scene: Scene) -> int:
    """Show the grids of a folder with their left images, in the order of their names.

    Returns:
        How many grids there are.

    Raises:
        SscError: there are none, or one is damaged.
    """
    paths = grid_files(folder)
    for path in paths:
        grid = load_grid(path)
        left = path.with_name(f"{path.stem}{LEFT_IMAGE}")
        if left.is_file():
            scene.add_left_image(grid.stamp, read_image(left))
        scene.add_grid(grid)
    return len(paths)
