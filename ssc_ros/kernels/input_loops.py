"""The loops over pixels and points that prepare inputs, for every frame anew."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel


@kernel
def read_disparity(matched, width, pad, disparity):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write disparities of an image [px], NaN where nothing was matched.

    Args:
        matched: (h, pad + w) int16, in sixteenths of a pixel of the images that were matched.
        width: of the image [px].
        pad: columns to leave out.
        disparity: (h, w) float32 to write.
    """
    height, columns = disparity.shape
    parts = np.float32(16.0 * columns / width)
    for row in range(height):
        for column in range(columns):
            found = matched[row, pad + column]
            disparity[row, column] = np.float32(found) / parts if found > 0 else np.float32(np.nan)


@kernel
def back_project(depth, rays, offset, points):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 (numba infers)
    """Write the point of each known depth, row by row.

    Args:
        depth: (h, w) float32 [m], NaN where unknown.
        rays: (3, 3) float64, pixels to the grid frame; the ray of (column, row, 1) ends at depth 1.
        offset: (3,) float32 [m, grid frame], where rays start.
        points: (h w, 3) float32 [m, grid frame] to write.

    Returns:
        How many points there are.
    """
    count = 0
    for row in range(depth.shape[0]):
        for column in range(depth.shape[1]):
            distance = depth[row, column]
            if np.isfinite(distance):
                for axis in range(3):
                    ray = rays[axis, 0] * column + (rays[axis, 1] * row + rays[axis, 2])
                    points[count, axis] = np.float32(ray) * distance + offset[axis]
                count += 1
    return count


@kernel
def keep_nearest(depth, nearest):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the smallest positive depth [m] of (H, W) in each cell of (h, w), 0 without any; NaN is no depth."""
    height, width = depth.shape
    nearest[:] = np.inf
    for row in range(height):
        cells = nearest[row * nearest.shape[0] // height]
        for column in range(width):
            found = depth[row, column]
            if found > 0:
                cell = column * nearest.shape[1] // width
                cells[cell] = min(cells[cell], found)
    for row in range(nearest.shape[0]):
        for column in range(nearest.shape[1]):
            if np.isinf(nearest[row, column]):
                nearest[row, column] = 0


@kernel
def keep_inside(points, origin, edges, shape, kept):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 (numba infers)
    """Write the points that lie in a voxel, in single precision as `SceneGrid.indices` calculates.

    Args:
        points: (N, 3 or 4) float32, x, y, z [m, grid frame] first; rows of NaN are nowhere.
        origin, edges: (3,) float32 [m].
        shape: (3,) voxels along each axis.
        kept: as `points`, to write.

    Returns:
        How many points there are.
    """
    count = 0
    for i in range(len(points)):
        inside = True
        for axis in range(3):
            index = np.floor((points[i, axis] - origin[axis]) / edges[axis])
            inside = inside and 0 <= index < shape[axis]
        if inside:
            kept[count] = points[i]
            count += 1
    return count


@kernel
def _mark(x, y, z, origin, edges, children):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Set 1 where a point is, in single precision as `SceneGrid.indices` calculates; see `mark_children`."""
    _, wide, deep, high = children.shape
    x = np.floor((x - origin[0]) / edges[0])
    y = np.floor((y - origin[1]) / edges[1])
    z = np.floor((z - origin[2]) / edges[2])
    if 0 <= x < 2 * wide and 0 <= y < 2 * deep and 0 <= z < 2 * high:
        a, b, c = int(x), int(y), int(z)
        children[4 * (a & 1) + 2 * (b & 1) + (c & 1), a >> 1, b >> 1, c >> 1] = 1


@kernel
def mark_children(points, origin, edges, children):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Set 1 where points are.

    Args:
        points: (N, 3) float32 [m, grid frame]; rows of NaN are nowhere.
        origin, edges: (3,) float32 [m], of the fine voxels.
        children: (8, X, Y, Z) uint8 to write, child = 4 (x % 2) + 2 (y % 2) + z % 2.
    """
    for i in range(len(points)):
        _mark(points[i, 0], points[i, 1], points[i, 2], origin, edges, children)


@kernel
def carry_over(begin, end, points, T_now_past, projection, depth, image_size, limits, origin, edges, children):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Set 1 where past points are, but for those for which the current image shows another depth.

    Args:
        begin, end: range of the points that are carried over.
        points: (N, 3) float32 [m, past grid frame].
        T_now_past: (4, 4) float64, past -> current grid frame.
        projection: (3, 4) float32, current grid frame [m] -> homogeneous pixel.
        depth: (h, w) float32 [m], the nearest of each cell of the image, 0 where unknown.
        image_size: (height, width) [px] of that image.
        limits: (2,) another depth differs by more than so many metres and this share of it.
        origin, edges, children: as for `mark_children`.
    """
    moved, pixel = np.empty(3, np.float32), np.empty(3)
    columns, lines = depth.shape[1] / image_size[1], depth.shape[0] / image_size[0]
    for i in range(begin, end):
        for axis in range(3):
            row = T_now_past[axis]
            moved[axis] = row[0] * points[i, 0] + row[1] * points[i, 1] + row[2] * points[i, 2] + row[3]
        for axis in range(3):
            row = projection[axis]
            pixel[axis] = row[0] * moved[0] + row[1] * moved[1] + row[2] * moved[2] + row[3]
        away = pixel[2]
        if away > 0:
            column = np.floor((pixel[0] / away + 0.5) * columns)
            line = np.floor((pixel[1] / away + 0.5) * lines)
            if 0 <= column < depth.shape[1] and 0 <= line < depth.shape[0]:
                now = depth[int(line), int(column)]
                if now > 0 and abs(away - now) > limits[0] + limits[1] * now:
                    continue
        _mark(moved[0], moved[1], moved[2], origin, edges, children)
