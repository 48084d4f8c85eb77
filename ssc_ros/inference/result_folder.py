"""Grids and pictures of one run in a folder, so that an interrupted run goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from PIL import Image

from ssc_ros.core import Frame, SemanticGrid, SscError
from ssc_ros.core.files import write_atomically
from ssc_ros.data.grid_files import LEFT_IMAGE, save_grid
from ssc_ros.evaluation.pictures import draw_prediction

ORIGIN = "complete.json"
"""File that says of what and by what the results of a folder are."""


class ResultFolder:
    """A folder with `NAME.png`, the files of the wanted formats, and `complete.json`.

    A frame's picture is written last: where it is, the frame is complete.
    """

    def __init__(self, path: Path, formats: Collection[str], origin: Mapping[str, str], replace: bool = False) -> None:
        """Open or make a folder.

        Args:
            path: of the folder.
            formats: some of `grid_files.FORMATS`.
            origin: of what and by what the results are.
            replace: make all results anew.

        Raises:
            SscError: the folder holds results of something else, or cannot be written.
        """
        self.path = path
        self._formats = tuple(formats)
        self._fresh = set[str]() if replace else None
        found = _read_origin(path / ORIGIN)
        different = [name for name in origin if found.get(name, origin[name]) != origin[name]]
        if different and not replace:
            what = "; ".join(f"{name} was {found[name]}, is now {origin[name]}" for name in different)
            raise SscError(f"{path} holds other results: {what}. Choose another folder, or replace them with --force")
        try:
            write_atomically(path / ORIGIN, (json.dumps(dict(origin), indent=2) + "\n").encode())
        except OSError as error:
            raise SscError(f"cannot write results to {path}: {error.strerror}; choose another folder") from error

    def has(self, name: str) -> bool:
        """Whether all files of a frame are there."""
        if self._fresh is not None and name not in self._fresh:
            return False
        return all((self.path / file).is_file() for file in self._files(name))

    def add(self, name: str, title: str, frame: Frame, grid: SemanticGrid) -> None:
        """Write the files of a frame.

        Raises:
            SscError: the folder cannot be written.
        """
        try:
            save_grid(grid, self.path, name, self._formats)
            if "npz" in self._formats:
                write_atomically(self.path / f"{name}{LEFT_IMAGE}", _jpeg(frame))
            draw_prediction(self.picture(name), title, frame, grid)
        except OSError as error:
            raise SscError(f"cannot write results to {self.path}: {error.strerror}") from error
        if self._fresh is not None:
            self._fresh.add(name)

    def picture(self, name: str) -> Path:
        """Where the picture of a frame is."""
        return self.path / f"{name}.png"

    def _files(self, name: str) -> list[str]:
        left = [f"{name}{LEFT_IMAGE}"] if "npz" in self._formats else []
        return [*(f"{name}.{suffix}" for suffix in self._formats), *left, f"{name}.png"]


def _read_origin(path: Path) -> Mapping[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise SscError(f"{path} is damaged ({error}); choose another folder, or remove the file") from error
    return content if isinstance(content, dict) else {}


def _jpeg(frame: Frame) -> bytes:
    content = io.BytesIO()
    Image.fromarray(frame.left).save(content, "JPEG", quality=90)
    return content.getvalue()
