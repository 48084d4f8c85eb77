"""Which cells of the image see the measured voxels: what gives the classes of pixels to measured points."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel

UNSEEN = -1
"""In place of a cell: the camera does not see the point."""

BEHIND = 0.5, 0.05
"""A point is hidden if it lies so far behind the nearest depth of its cell, in metres plus a share of that depth."""


@kernel
def pool_nearest_points(points, projection, image_size, nearest):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Pool points into the cells of an image: write the smallest depth of each cell, 0 without a point.

    Args:
        points: (N, 3 or 4) float32, x, y, z [m, grid frame] first.
        projection: (3, 4) float64, grid frame [m] -> homogeneous pixel.
        image_size: (height, width) [px] of that image.
        nearest: (h, w) float32 [m] to write.
    """
    height, width = nearest.shape
    columns, lines = width / image_size[1], height / image_size[0]
    nearest[:] = np.inf
    pixel = np.empty(3)
    for i in range(len(points)):
        for axis in range(3):
            row = projection[axis]
            pixel[axis] = row[0] * points[i, 0] + row[1] * points[i, 1] + row[2] * points[i, 2] + row[3]
        depth = pixel[2]
        if depth > 0:
            u, v = np.floor((pixel[0] / depth + 0.5) * columns), np.floor((pixel[1] / depth + 0.5) * lines)
            if 0 <= u < width and 0 <= v < height:
                nearest[int(v), int(u)] = min(nearest[int(v), int(u)], np.float32(depth))
    for row in range(height):
        for column in range(width):
            if np.isinf(nearest[row, column]):
                nearest[row, column] = 0


@kernel
def list_sightings(points, projection, image_size, nearest, origin, edges, shape, pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 (numba infers)
    """Write each pair of a voxel and a cell that a point connects, once; voxels ascend.

    Args:
        points: (N, 3 or 4) float32, x, y, z [m, grid frame] first; rows of NaN are nowhere.
        projection: (3, 4) float32, grid frame [m] -> homogeneous pixel.
        image_size: (height, width) [px] of that image.
        nearest: (h, w) float32 [m], the nearest depth of each cell of the image, 0 where unknown.
        origin, edges: (3,) float32 [m], of the voxels.
        shape: (3,) voxels along each axis.
        pairs: (N, 2) int32 to write: flat C-order index of the voxel, and of the cell or `UNSEEN`.

    Returns:
        Number of pairs that were written.
    """
    height, width = nearest.shape
    columns, lines = width / image_size[1], height / image_size[0]
    size = 1
    while size < 2 * len(points) + 1:
        size *= 2
    keys = np.full(size, -1, np.int64)  # a table of the pairs that are there, by open addressing
    counts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int32)
    pixel, found, last = np.empty(3), 0, np.int64(-1)
    for i in range(len(points)):
        # the voxel, computed in float32 as in `SceneGrid.indices`
        x = np.floor((points[i, 0] - origin[0]) / edges[0])
        y = np.floor((points[i, 1] - origin[1]) / edges[1])
        z = np.floor((points[i, 2] - origin[2]) / edges[2])
        if not (0 <= x < shape[0] and 0 <= y < shape[1] and 0 <= z < shape[2]):
            continue
        voxel = (int(x) * shape[1] + int(y)) * shape[2] + int(z)

        # the cell that sees it
        for axis in range(3):
            row = projection[axis]
            pixel[axis] = row[0] * points[i, 0] + row[1] * points[i, 1] + row[2] * points[i, 2] + row[3]
        depth, cell = pixel[2], UNSEEN
        if depth > 0:
            u, v = np.floor((pixel[0] / depth + 0.5) * columns), np.floor((pixel[1] / depth + 0.5) * lines)
            if 0 <= u < width and 0 <= v < height:
                front = nearest[int(v), int(u)]
                if front <= 0 or depth <= front + BEHIND[0] + BEHIND[1] * front:
                    cell = int(v) * width + int(u)

        # the pair, if it is new
        key = np.int64(voxel) * (height * width + 1) + cell + 1
        if key == last:
            continue  # as of the pixel before
        last = key
        place = (key * np.int64(0x9E3779B1)) & (size - 1)
        while keys[place] != -1 and keys[place] != key:
            place = (place + 1) & (size - 1)
        if keys[place] == -1:
            keys[place] = key
            pairs[found, 0], pairs[found, 1] = voxel, cell
            counts[voxel + 1] += 1
            found += 1

    # sorted by voxel, by counting
    for voxel in range(len(counts) - 1):
        counts[voxel + 1] += counts[voxel]
    unsorted = pairs[:found].copy()
    for i in range(found):
        place = counts[unsorted[i, 0]]
        counts[unsorted[i, 0]] += 1
        pairs[place] = unsorted[i]
    return found
