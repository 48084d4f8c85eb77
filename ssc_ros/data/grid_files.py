"""Grids on disk: the raw labels of SemanticKITTI, everything that is known of a grid, and coloured points."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ssc_ros.core import LABEL_SETS, SceneGrid, SemanticGrid, SscError
from ssc_ros.core.files import write_atomically

FORMATS = ("npz", "label", "ply")
"""Kinds of file, by their suffix: all that is known of a grid, raw labels, points for a viewer of meshes."""


LEFT_IMAGE = "_left.jpg"
"""End of the name of the left image of a grid, `NAME_left.jpg` next to `NAME.npz`."""


def stamp_name(stamp: int) -> str:
    """Return the name of a frame that has nothing but a stamp [ns]: 19 digits."""
    return f"{stamp:019d}"


def save_grid(
    grid: SemanticGrid, directory: Path, name: str | None = None, formats: Collection[str] = ("label", "npz")
) -> list[Path]:
    """Write a grid to one file for each format, such as `NAME.npz`; each file is there in full or not at all.

    Args:
        grid: to write.
        directory: made if missing.
        name: of the files, without suffix; None: the grid's stamp [ns] with 19 digits.
        formats: some of `FORMATS`: "npz" has everything that is known; "label" has SemanticKITTI's raw ids; "ply" has
            the centres of the surface voxels [m] with their colours and train ids.

    Returns:
        Absolute paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = directory.expanduser().absolute()
    paths = []
    for suffix in formats:
        paths.append(folder / f"{name or stamp_name(grid.stamp)}.{suffix}")
        write_atomically(paths[-1], _WRITERS[suffix](grid))
    return paths


def load_grid(path: Path) -> SemanticGrid:
    """Read a grid from an `.npz` file of `save_grid`.

    Raises:
        SscError: the file is missing, damaged, or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        x, y, z = (float(number) for number in content["min_corner"])
        shape = content["labels"].shape
        grid = SceneGrid((x, y, z), float(content["voxel_size"]), shape, str(content["frame_id"]))
        return SemanticGrid(
            labels=content["labels"],
            grid=grid,
            label_set=LABEL_SETS[str(content["label_set"])],
            stamp=int(content["stamp"]),
            confidence=content.get("confidence"),
            observed=content.get("observed"),
            model_id=str(content["model_id"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise SscError(f"{path} holds no grid of ssc_ros ({type(error).__name__}: {error})") from error


def _label(grid: SemanticGrid) -> bytes:
    return np.asarray(grid.label_set.raw_from_train(grid.labels), "<u2").tobytes()


def _npz(grid: SemanticGrid) -> bytes:
    scene = grid.grid
    contents: dict[str, Any] = {
        "labels": grid.labels,
        "confidence": grid.confidence,
        "observed": grid.observed,
        "names": grid.label_set.names,
        "label_set": grid.label_set.name,
        "model_id": grid.model_id,
        "min_corner": scene.min_corner,
        "voxel_size": scene.voxel_size,
        "frame_id": scene.frame_id,
        "stamp": np.int64(grid.stamp),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: value for name, value in contents.items() if value is not None})
    return buffer.getvalue()


def _ply(grid: SemanticGrid) -> bytes:
    """Binary PLY (Turk 1994), as MeshLab, CloudCompare and Open3D read it."""
    surface = grid.surface()
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"), ("label", "u1")]
    vertices = np.zeros(len(surface), fields)
    labels = grid.labels[tuple(surface.T)]
    for name, column in zip(("x", "y", "z"), grid.grid.centers(surface).T, strict=True):
        vertices[name] = column
    for name, column in zip(("red", "green", "blue"), grid.label_set.colors(labels).T, strict=True):
        vertices[name] = column
    vertices["label"] = labels
    kinds = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"comment classes of {grid.label_set.name}"]
    header += [f"element vertex {len(vertices)}", *(f"property {kinds[kind]} {name}" for name, kind in fields)]
    return "\n".join([*header, "end_header\n"]).encode() + vertices.tobytes()


_WRITERS = {"npz": _npz, "label": _label, "ply": _ply}
