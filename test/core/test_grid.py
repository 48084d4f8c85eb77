"""The scene box: indices, faces, ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.core import SEMANTIC_KITTI_GRID as GRID
from ssc_ros.core import SceneGrid


def test_the_official_box() -> None:
    np.testing.assert_allclose(GRID.max_corner, (51.2, 25.6, 4.4))
    assert GRID.size == 2_097_152
    assert GRID.coarsened(2).shape == (128, 128, 16)
    np.testing.assert_allclose(GRID.coarsened(2).max_corner, GRID.max_corner)
    with pytest.raises(ValueError, match="not divisible"):
        GRID.coarsened(3)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 31))
def test_a_wide_voxel_is_made_of_the_voxels_side_by_side(x: int, y: int, z: int) -> None:
    wide = GRID.coarsened(2).widened(2)
    assert (wide.shape, wide.edges) == ((64, 64, 16), (0.8, 0.8, 0.4))
    np.testing.assert_allclose(wide.max_corner, GRID.max_corner)
    point = GRID.centers(np.array([[x, y, z]]))
    index = wide.indices(point)
    assert index.tolist() == [[x // 4, y // 4, z // 2]]
    assert (np.abs(wide.centers(index) - point) < (0.4, 0.4, 0.2)).all()
    with pytest.raises(ValueError, match="not divisible"):
        wide.widened(3)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 31))
def test_the_centre_of_a_voxel_has_its_index(x: int, y: int, z: int) -> None:
    index = np.array([[x, y, z]])
    np.testing.assert_array_equal(GRID.indices(GRID.centers(index)), index)
    assert GRID.flat(index)[0] == (x * 256 + y) * 32 + z == np.ravel_multi_index((x, y, z), GRID.shape)


def test_points_on_faces_belong_to_the_upper_voxel_and_those_below_the_corner_to_none() -> None:
    grid = SceneGrid((0.0, -2.0, -1.0), 0.5, (8, 8, 4))
    points = np.array([[0.0, -2.0, -1.0], [0.5, -1.5, -0.5], [-1e-6, 0, 0], [4.0, 0, 0], [3.999, 1.999, 0.999]])
    indices = grid.indices(points)
    assert indices[0].tolist() == [0, 0, 0]
    assert indices[1].tolist() == [1, 1, 1]
    # truncation toward zero would pull the shell below the corner into index 0
    assert indices[2, 0] == -1
    assert grid.contains(indices).tolist() == [True, True, False, False, True]


def test_points_that_are_not_numbers_lie_in_no_voxel() -> None:
    with np.errstate(invalid="ignore"):
        indices = GRID.indices(np.array([[np.nan, 0, 0], [np.inf, 0, 0], [1e30, 0, 0]]))
    assert not GRID.contains(indices).any()


def test_all_centres_are_those_of_the_indices() -> None:
    grid = SceneGrid((1.0, -2.0, 3.0), 0.25, (2, 3, 4))
    indices = np.argwhere(np.ones(grid.shape))
    np.testing.assert_array_equal(grid.centers().reshape(-1, 3), grid.centers(indices))
    np.testing.assert_allclose(grid.centers()[1, 2, 3], (1.375, -1.375, 3.875))


@pytest.mark.parametrize(
    ("metres", "rows", "columns"),
    [(12.8, slice(0, 64), slice(96, 160)), (25.6, slice(0, 128), slice(64, 192)), (51.2, slice(None), slice(None))],
)
def test_ranges_are_the_index_rules_of_the_published_evaluations(metres: float, rows: slice, columns: slice) -> None:
    expected = np.zeros(GRID.shape, bool)
    expected[rows, columns] = True
    np.testing.assert_array_equal(GRID.range_mask(metres), expected)
    np.testing.assert_array_equal(GRID.coarsened(2).range_mask(metres), expected[::2, ::2, ::2])


@pytest.mark.parametrize(("voxel", "shape"), [(0.0, (1, 1, 1)), (-0.2, (1, 1, 1)), (0.2, (1, 0, 1))])
def test_a_grid_without_volume_is_refused(voxel: float, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive voxel size and shape"):
        SceneGrid((0.0, 0.0, 0.0), voxel, shape)
