"""The loops over pixels and points that prepare the inputs of every frame."""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel


@kernel
def scale_disparity(matched, width, pad, disparity):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write fixed-point disparities of a smaller image as pixels of the full image, NaN without a match.

    Args:
        matched: (h, pad + w) int16, in sixteenths of a pixel of the image that was matched; 0 or less without a match.
        width: of the full image [px].
        pad: columns to leave out on the left.
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
    """Write the point of each known depth, row by row (pinhole back-projection).

    Args:
        depth: (h, w) float32 [m], NaN where unknown.
        rays: (3, 3) float64, pixels to the grid frame; the ray of (column, row, 1) ends at depth 1.
        offset: (3,) float32 [m, grid frame], where rays start.
        points: (h w, 3) float32 [m, grid frame] to write.

    Returns:
        Number of points that were written.
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
def pool_nearest_depth(depth, nearest):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Pool a depth map (H, W) [m] into cells (h, w): write the smallest positive depth, 0 without any; NaN is none."""
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
def crop_points(points, origin, edges, shape, kept):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 (numba infers)
    """Write the points that lie in a voxel, computed in float32 as in `SceneGrid.indices`.

    Args:
        points: (N, 3 or 4) float32, x, y, z [m, grid frame] first; rows of NaN are nowhere.
        origin, edges: (3,) float32 [m].
        shape: (3,) voxels along each axis.
        kept: as `points`, to write.

    Returns:
        Number of points that were written.
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
    """Set the child of one point to 1, computed in float32 as in `SceneGrid.indices`; see `mark_children`."""
    _, wide, deep, high = children.shape
    x = np.floor((x - origin[0]) / edges[0])
    y = np.floor((y - origin[1]) / edges[1])
    z = np.floor((z - origin[2]) / edges[2])
    if 0 <= x < 2 * wide and 0 <= y < 2 * deep and 0 <= z < 2 * high:
        a, b, c = int(x), int(y), int(z)
        children[4 * (a & 1) + 2 * (b & 1) + (c & 1), a >> 1, b >> 1, c >> 1] = 1


@kernel
def mark_children(points, origin, edges, children):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Set the children that contain a point to 1.

    Args:
        points: (N, 3) float32 [m, grid frame]; rows of NaN are nowhere.
        origin, edges: (3,) float32 [m], of the fine voxels.
        children: (8, X, Y, Z) uint8 to write, child = 4 (x % 2) + 2 (y % 2) + z % 2.
    """
    for i in range(len(points)):
        _mark(points[i, 0], points[i, 1], points[i, 2], origin, edges, children)


@kernel
def mark_past_children(begin, end, points, T_now_past, projection, depth, image_size, limits, origin, edges, children):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Set the children that contain a past point to 1, unless the current depth map contradicts the point.

    Args:
        begin, end: range of the points.
        points: (N, 3) float32 [m, past grid frame].
        T_now_past: (4, 4) float64, past -> current grid frame.
        projection: (3, 4) float32, current grid frame [m] -> homogeneous pixel.
        depth: (h, w) float32 [m], the nearest depth of each cell of the image, 0 where unknown.
        image_size: (height, width) [px] of that image.
        limits: (2,) how far depths may differ: metres, and a share of the depth in the map.
        origin, edges, children: as for `mark_children`.
    """
    moved, pixel = np.empty(3, np.float32), np.empty(3)
    columns, lines = depth.shape[1] / image_size[1], depth.shape[0] / image_size[0]
    for i in range(begin, end):
        # move the point into the current grid frame
        for axis in range(3):
            row = T_now_past[axis]
            moved[axis] = row[0] * points[i, 0] + row[1] * points[i, 1] + row[2] * points[i, 2] + row[3]

        # project the point into the current image
        for axis in range(3):
            row = projection[axis]
            pixel[axis] = row[0] * moved[0] + row[1] * moved[1] + row[2] * moved[2] + row[3]
        distance = pixel[2]

        # compare its depth with the map; behind the camera, or beside the image, nothing contradicts
        if distance > 0:
            column = np.floor((pixel[0] / distance + 0.5) * columns)
            line = np.floor((pixel[1] / distance + 0.5) * lines)
            if 0 <= column < depth.shape[1] and 0 <= line < depth.shape[0]:
                measured = depth[int(line), int(column)]
                if measured > 0 and abs(distance - measured) > limits[0] + limits[1] * measured:
                    continue
        _mark(moved[0], moved[1], moved[2], origin, edges, children)
