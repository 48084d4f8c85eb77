"""Point clouds to publish: arrays of point records, and the messages that carry them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN, LabelSet, SemanticGrid
from ssc_ros.messages.arrays import byte_array
from ssc_ros.messages.clouds import Cloud

SURFACE_POINT = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "label", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "u1", "u1"],
        "offsets": [0, 4, 8, 12, 16, 17],
        "itemsize": 20,  # a multiple of 4, so that C++ reads aligned floats
    }
)
"""One voxel of `~/occupied`: centre [m], colour 0x00RRGGBB, class id, probability 0..255 (255 if there is none)."""

SEMANTIC_POINT = np.dtype(
    {
        "names": ["x", "y", "z", "intensity", "label", "rgb"],
        "formats": ["<f4", "<f4", "<f4", "<f4", "u1", "<u4"],
        "offsets": [0, 4, 8, 12, 16, 20],
        "itemsize": 24,
    }
)
"""One point of `~/points_semantic`: place [m] and intensity as they were sensed, class id, colour 0x00RRGGBB."""

_UINT8, _FLOAT32 = 2, 7
"""Datatypes of sensor_msgs/PointField."""


def surface_points(grid: SemanticGrid) -> NDArray[np.void]:
    """Return the voxels of a grid that can be seen from anywhere, (N,) of `SURFACE_POINT`, coloured by class."""
    index = grid.surface()
    at = tuple(index.T)
    points = np.zeros(len(index), SURFACE_POINT)
    points["x"], points["y"], points["z"] = grid.grid.centers(index).T
    points["label"] = labels = grid.labels[at]
    points["rgb"] = packed_colors(grid.label_set)[labels]
    points["confidence"] = 255 if grid.confidence is None else grid.confidence[at]
    return points


def semantic_points(cloud: Cloud, labels: NDArray[np.uint8], label_set: LabelSet) -> NDArray[np.void]:
    """Return the points of a cloud with their classes, (N,) of `SEMANTIC_POINT`, in the cloud's order.

    Args:
        cloud: of N points, M of which have a place.
        labels: (M,) train ids of the points that have a place, 0 unlabelled.
        label_set: gives the colours; unlabelled points are grey.
    """
    points = np.zeros(len(cloud.placed), SEMANTIC_POINT)
    points["x"], points["y"], points["z"] = cloud.xyz
    points["intensity"] = 0 if cloud.intensity is None else cloud.intensity
    points["label"][cloud.placed] = labels
    colors = packed_colors(label_set)
    colors[EMPTY] = colors[UNKNOWN]
    points["rgb"] = colors[points["label"]]
    return points


def fill_cloud(message: Any, points: NDArray[np.void], point_field: Callable[..., Any]) -> None:
    """Put point records into a sensor_msgs/PointCloud2 whose height and width are set.

    Args:
        message: to fill.
        points: (height * width,) records of four-byte and one-byte values.
        point_field: makes a sensor_msgs/PointField from its four attributes.
    """
    names = points.dtype.names or ()
    message.fields = [point_field(**_field(points.dtype, name)) for name in names]
    message.point_step = points.dtype.itemsize
    message.row_step = message.width * message.point_step
    message.data = byte_array(points)


def packed_colors(label_set: LabelSet) -> NDArray[np.uint32]:
    """Return (256,) 0x00RRGGBB of each train id."""
    colors = label_set.colors(np.arange(256, dtype=np.uint8)).astype(np.uint32)
    return np.asarray(colors @ np.array([1 << 16, 1 << 8, 1], np.uint32), np.uint32)


def _field(point: np.dtype[np.void], name: str) -> dict[str, Any]:
    assert point.fields is not None
    kind, offset = point.fields[name][:2]
    # colours are declared as float32, because PCL and RViz read packed colours only so
    return {"name": name, "offset": offset, "datatype": _UINT8 if kind.itemsize == 1 else _FLOAT32, "count": 1}
