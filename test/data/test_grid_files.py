"""A grid that was written is read again; its points are where the voxels are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid, SscError
from ssc_ros.data.grid_files import load_grid, save_grid

ROAD, CAR = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("car")


def some_grid() -> SemanticGrid:
    labels = np.zeros((8, 6, 4), np.uint8)
    labels[:, :, 0] = ROAD
    labels[2:5, 1:4, 1:4] = CAR
    scene = SceneGrid((1.0, -2.0, -0.5), 0.5, (8, 6, 4), "box")
    return SemanticGrid(labels, scene, SEMANTIC_KITTI, 12, model_id="a model", confidence=labels + 1)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    grid = some_grid()
    (path,) = save_grid(grid, tmp_path, "one", ["npz"])
    loaded = load_grid(path)
    assert path == tmp_path / "one.npz"
    assert (loaded.grid, loaded.label_set, loaded.stamp, loaded.model_id) == (grid.grid, SEMANTIC_KITTI, 12, "a model")
    assert np.array_equal(loaded.labels, grid.labels)
    assert loaded.confidence is not None
    assert np.array_equal(loaded.confidence, grid.labels + 1)
    assert loaded.observed is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(SscError, match=r"bad\.npz holds no grid"):
        load_grid(tmp_path / "bad.npz")


def test_other_arrays_and_missing_files_are_no_grids(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", labels=np.zeros(3))
    for name in ("other", "missing"):
        with pytest.raises(SscError, match="holds no grid"):
            load_grid(tmp_path / f"{name}.npz")


def test_points_of_a_ply_are_the_surface_in_class_colours(tmp_path: Path) -> None:
    """Read by the format's definition, without our writer's types."""
    grid = some_grid()
    (path,) = save_grid(grid, tmp_path, "one", ["ply"])
    header, _, body = path.read_bytes().partition(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\n")
    surface = grid.surface()
    assert f"element vertex {len(surface)}\n".encode() in header
    vertices = np.frombuffer(body, np.uint8).reshape(len(surface), 16)
    places = vertices[:, :12].copy().view("<f4")
    assert np.allclose(places.min(axis=0), [1.25, -1.75, -0.25])
    assert np.allclose(places.max(axis=0), [4.75, 0.75, 1.25])
    cars = vertices[:, 15] == CAR
    assert cars.sum() == (grid.labels[tuple(surface.T)] == CAR).sum()
    assert (vertices[cars, 12:15] == SEMANTIC_KITTI.palette[CAR]).all()
