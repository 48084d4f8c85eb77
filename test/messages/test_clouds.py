"""Point clouds as numpy: every layout that a driver may send, and those that are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ssc_ros.core import poses
from ssc_ros.messages.clouds import read_points
from ssc_ros.messages.drops import Drop, UnusableInput

NUMPY_TYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}
IDENTITY = np.eye(4)


def cloud(array: NDArray[np.void], height: int = 1, row_padding: int = 0) -> SimpleNamespace:
    """A PointCloud2 of a structured array, in the array's own layout."""
    kind = array.dtype
    width = len(array) // height
    rows = (
        array.view(np.uint8).reshape(height, width * kind.itemsize) if len(array) else np.zeros((height, 0), np.uint8)
    )
    fields = [
        SimpleNamespace(name=name, offset=offset, datatype=NUMPY_TYPES[sub.str[1:]], count=1)
        for name, (sub, offset) in ((name, kind.fields[name][:2]) for name in kind.names)
    ]
    padded = np.pad(rows, ((0, 0), (0, row_padding)), constant_values=7)
    return SimpleNamespace(
        fields=fields,
        height=height,
        width=width,
        point_step=kind.itemsize,
        row_step=padded.shape[1],
        is_bigendian=any(kind[name].str.startswith(">") for name in kind.names),
        data=padded.tobytes(),
    )


@st.composite
def layouts(draw: st.DrawFn) -> np.dtype[np.void]:
    """Any order of fields, types wide enough for the values, gaps between them, and one byte order."""
    names = draw(st.permutations(["x", "y", "z", "intensity", "ring"]))
    order = draw(st.sampled_from("<>"))
    offset, formats, offsets = 0, [], []
    for name in names:
        sizes = ["i1", "i2", "i4", "f4", "f8"] if name in "xyz" else ["f4"]
        formats.append(order + draw(st.sampled_from(sizes)))
        offset += draw(st.integers(0, 3))
        offsets.append(offset)
        offset += int(formats[-1][2:])
    return np.dtype(
        {"names": names, "formats": formats, "offsets": offsets, "itemsize": offset + draw(st.integers(0, 5))}
    )


@given(layouts(), st.integers(1, 3), st.integers(0, 9))
def test_points_of_any_layout(kind: np.dtype[np.void], height: int, row_padding: int) -> None:
    rng = np.random.default_rng(0)
    values = np.zeros(4 * height, kind)
    expected = rng.integers(-100, 100, (4 * height, 3))
    values["x"], values["y"], values["z"] = expected.T
    values["intensity"] = np.linspace(0, 1, 4 * height)
    points = read_points(cloud(values, height, row_padding), IDENTITY)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points[:, :3], expected)
    np.testing.assert_allclose(points[:, 3], np.linspace(0, 1, 4 * height), atol=1e-6)


XYZI = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4")])


def test_points_without_a_place_are_left_out_and_the_others_moved_into_the_grid_frame() -> None:
    values = np.zeros(4, XYZI)
    values["x"] = [1, np.nan, np.inf, 2]
    T_grid_lidar = poses.from_quaternion(np.array([0, 0, 1, 1]), np.array([0, 0, 0.5]))  # a quarter turn to the left
    points = read_points(cloud(values), T_grid_lidar)
    np.testing.assert_allclose(points, [[0, 1, 0.5, 0], [0, 2, 0.5, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "given_", "unit"),
    [("f4", [0.0, 0.5, 1.0], [0, 0.5, 1]), ("f4", [0, 51, 255], [0, 0.2, 1]), ("u1", [0, 51, 255], [0, 0.2, 1]),
     ("u2", [0, 13107, 65535], [0, 0.2, 1]), ("f4", [np.nan, 0.5, 1.0], [0, 0.5, 1])],
)  # fmt: skip
def test_intensity_is_brought_to_0_and_1(kind: str, given_: list[float], unit: list[float]) -> None:
    values = np.zeros(3, np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", f"<{kind}")]))
    values["intensity"] = given_
    np.testing.assert_allclose(read_points(cloud(values), IDENTITY)[:, 3], unit, atol=1e-6)


def test_intensity_is_optional() -> None:
    values = np.ones(2, np.dtype([("z", "<f4"), ("y", "<f4"), ("x", "<f4")]))
    np.testing.assert_array_equal(read_points(cloud(values), IDENTITY), [[1, 1, 1, 0]] * 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"width": 0, "row_step": 0, "data": b""}, Drop.CLOUD_EMPTY),
        ({"data": b"\0" * 31}, Drop.CLOUD_LAYOUT),
        ({"point_step": 8}, Drop.CLOUD_LAYOUT),
        ({"point_step": 0, "row_step": 0}, Drop.CLOUD_LAYOUT),
        ({"fields": []}, Drop.CLOUD_LAYOUT),
        ({"fields": [SimpleNamespace(name=n, offset=0, datatype=99, count=1) for n in "xyz"]}, Drop.CLOUD_LAYOUT),
        ({"width": 2**31, "row_step": 2**31}, Drop.CLOUD_LAYOUT),
    ],
)
def test_clouds_that_do_not_hold_together_are_refused(change: dict[str, object], reason: Drop) -> None:
    message = SimpleNamespace(**{**vars(cloud(np.ones(2, XYZI))), **change})
    with pytest.raises(UnusableInput) as refused:
        read_points(message, IDENTITY)
    assert refused.value.reason is reason


def test_a_cloud_of_nothing_but_nan_is_empty() -> None:
    values = np.full(3, np.nan, np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4")]))
    with pytest.raises(UnusableInput) as refused:
        read_points(cloud(values), IDENTITY)
    assert refused.value.reason is Drop.CLOUD_EMPTY


def test_points_farther_than_anything_have_no_place() -> None:
    """Their sums overflow where they are turned: infinite points would reach the network."""
    array = np.zeros(3, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    array["x"], array["y"] = (1.0, 3e38, 2e6), (2.0, -3e38, 0.0)
    turned = poses.from_quaternion(np.array([0.0, 0.0, -0.38, 0.92]), np.zeros(3))
    points = read_points(cloud(array), turned)
    assert len(points) == 1
    assert np.isfinite(points).all()
