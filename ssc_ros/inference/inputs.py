"""From a sensed `Frame` to network inputs; training and deployment both go through here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ssc_ros.core import Frame, SceneGrid, SscError, StereoRig, labels_at
from ssc_ros.data.voxelize import voxelize
from ssc_ros.inference.stereo import StereoMatcher, stereo_points
from ssc_ros.kernels.input_loops import crop_points, mark_children, pool_nearest_depth
from ssc_ros.kernels.sightings import list_sightings, pool_nearest_points
from ssc_ros.systems.spec import LIDAR, STEREO, InputSpec, SceneInputs

MATCHED = frozenset(("stereo_depth", "stereo_voxels", "stereo_points", "stereo_sightings"))
"""The inputs that need the pair to be matched."""

IMAGE_CLASSES = "image_classes"
"""The input that is made of a class map from outside."""


@dataclass(frozen=True)
class InputPreparer:
    """Turns frames into the inputs of an `InputSpec`, all but the inputs of its history (see `history.join`)."""

    spec: InputSpec
    matcher: StereoMatcher = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matcher", StereoMatcher(self.spec.stereo_scale))

    def match(self, frame: Frame) -> NDArray[np.float32] | None:
        """Depth (h, w) [m] of the left image at the matching scale, NaN where unknown; None where no input needs it."""
        wanted = STEREO in self.spec.sensors and not MATCHED.isdisjoint(self.spec.pair)
        return self.matcher.depth(frame) if wanted else None

    def __call__(self, frame: Frame, depth: NDArray[np.float32] | None = None) -> SceneInputs:
        """Unbatched inputs of one frame, as described at `SceneInputs`.

        Args:
            frame: what was sensed.
            depth: of this frame as `match` returned it; None: the pair is matched here.

        Raises:
            SscError: the network reads LiDAR alone and the frame has none, or it reads classes of points and they
                have none.
        """
        arrays: dict[str, NDArray[Any]] = {}
        if STEREO in self.spec.sensors:
            arrays |= self._stereo(frame, self.match(frame) if depth is None else depth)
        if LIDAR in self.spec.sensors:
            arrays |= self._sweep(frame)
        return {key: torch.from_numpy(array) for key, array in arrays.items()}

    def _stereo(self, frame: Frame, depth: NDArray[np.float32] | None) -> dict[str, NDArray[Any]]:
        """The left image, its projection, and what the spec wants of the pair, matched or not."""
        spec = self.spec
        rig = frame.rig.resized(*spec.image_size)
        arrays: dict[str, NDArray[Any]] = {
            "image": self._image(frame.left),
            "projection": projection(rig),
        }
        if "right" in spec.pair:
            arrays["right"] = self._image(frame.right)
        if "focal_baseline" in spec.pair:
            arrays["focal_baseline"] = np.array(rig.camera_matrix[0, 0] * rig.baseline, np.float32)
        if spec.reads_class_maps and frame.image_labels is not None:
            arrays[IMAGE_CLASSES] = labels_at(frame.image_labels, spec.context_size)
        if depth is None:
            return arrays
        points = stereo_points(frame, depth)
        if "stereo_depth" in spec.pair:
            arrays["stereo_depth"] = nearest_depth(depth, spec.context_size)
        if "stereo_voxels" in spec.pair:
            arrays["stereo_voxels"] = occupancy_children(points, spec.grid)
        if "stereo_points" in spec.pair:
            arrays["stereo_points"] = inside(points, spec.grid)
        if "stereo_sightings" in spec.pair:
            arrays["stereo_sightings"] = sightings(
                points, nearest_depth(depth, spec.context_size), arrays["projection"], spec
            )
        return arrays

    def _sweep(self, frame: Frame) -> dict[str, NDArray[Any]]:
        """What the spec wants of the sweep; beside stereo, a frame without one has an empty one."""
        spec, grid, wanted = self.spec, self.spec.grid, self.spec.sweep
        points, labels = frame.points, frame.point_labels
        if points is None:
            if STEREO not in self.spec.sensors:
                raise SscError(
                    "the network reads LiDAR, but the frame has no points; use a camera checkpoint, or LiDAR"
                )
            points, labels = np.empty((0, 4), np.float32), np.empty(0, np.uint8)
        arrays: dict[str, NDArray[Any]] = {}
        if "points" in wanted:
            arrays["points"] = inside(points, grid)
        if "cloud" in wanted:
            arrays["cloud"] = points
        if "lidar_voxels" in wanted:
            arrays["lidar_voxels"] = occupancy_children(points[:, :3], grid)
        if not {"lidar_depth", "lidar_sightings"}.isdisjoint(wanted):
            rig = frame.rig.resized(*spec.image_size)
            nearest = project_nearest(points, rig, spec.context_size)
            if "lidar_depth" in wanted:
                arrays["lidar_depth"] = nearest
            if "lidar_sightings" in wanted:
                arrays["lidar_sightings"] = sightings(points, nearest, projection(rig), spec)
        if "lidar_classes" in wanted:
            half = grid.coarsened(2)
            if labels is not None:
                arrays["lidar_classes"] = voxelize(points, labels, half).astype(np.uint8)
            elif "lidar_sightings" in wanted:  # the image tells the classes of the points that the camera sees
                arrays["lidar_classes"] = np.zeros(half.shape, np.uint8)
            else:
                raise SscError(
                    "the network reads the classes of LiDAR points, but these points have none; give a segmentation "
                    "checkpoint (--segmentation, lidar.segmentation_checkpoint), or use a network that reads raw points"
                )
        return arrays

    def _image(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(3, H, W), resized."""
        planes = np.empty((3, *self.spec.image_size), np.uint8)
        cv2.split(resized(image, self.spec.image_size), list(planes))
        return planes


def resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image (H, W, 3) uint8 in another size (height, width) [px], as networks see it.

    Interpolating between pixels reads all of them where at most two along an axis become one, in a fifth of the time
    that averaging takes; beyond that it would leave some out.
    """
    shrinks = max(was / wanted for was, wanted in zip(image.shape, size, strict=False))
    how = cv2.INTER_LINEAR if shrinks <= 2 else cv2.INTER_AREA
    return np.asarray(cv2.resize(image, size[::-1], interpolation=how), np.uint8)


def inside(points: NDArray[np.float32], grid: SceneGrid) -> NDArray[np.float32]:
    """Those of the points (N, 3 or 4) [m, grid frame] that lie in a voxel of the grid."""
    kept: NDArray[np.float32] = np.empty_like(points)
    origin, edges = np.array(grid.min_corner, np.float32), np.array(grid.edges, np.float32)
    return np.copy(kept[: crop_points(points, origin, edges, np.array(grid.shape), kept)])


def projection(rig: StereoRig) -> NDArray[np.float32]:
    """(3, 4), grid frame [m] -> homogeneous pixel of the left image."""
    return (rig.camera_matrix @ rig.T_camera_grid[:3]).astype(np.float32)


def sightings(
    points: NDArray[np.float32], nearest: NDArray[np.float32], projection: NDArray[np.float32], spec: InputSpec
) -> NDArray[np.int32]:
    """Which cells of the image see the voxels of 0.4 m that points lie in.

    Args:
        points: (N, 3 or 4) [m], grid frame first.
        nearest: (h, w) [m], the nearest depth of the points in each cell, 0 where there is none.
        projection: (3, 4), grid frame [m] -> homogeneous pixel of the network's image.
        spec: gives the grid, whose voxels are taken at half resolution, and the image's size.

    Returns:
        (M, 2): flat index of a voxel, ascending, and of a cell, -1 where the camera does not see a point of it.
    """
    half = spec.grid.coarsened(2)
    pairs = np.empty((len(points), 2), np.int32)
    place = np.array(half.min_corner, np.float32), np.array(half.edges, np.float32), np.array(half.shape)
    count = list_sightings(points, projection, np.array(spec.image_size), nearest, *place, pairs)
    return np.copy(pairs[:count])


def sightings_of(points: NDArray[np.float32], projection: NDArray[np.float32], spec: InputSpec) -> NDArray[np.int32]:
    """The same of points that hide each other, and nothing else hides."""
    nearest = np.empty(spec.context_size, np.float32)
    pool_nearest_points(points, projection.astype(np.float64), np.array(spec.image_size), nearest)
    return sightings(points, nearest, projection, spec)


def nearest_depth(depth: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Smallest positive depth in each cell: (H, W) [m], NaN or 0 where missing -> `size`, 0 where a cell has none."""
    nearest = np.empty(size, np.float32)
    pool_nearest_depth(depth, nearest)
    return nearest


def project_nearest(points: NDArray[np.float32], rig: StereoRig, size: tuple[int, int]) -> NDArray[np.float32]:
    """Smallest depth of points (N, 3 or 4) [m, grid frame first] in each cell of the image: `size`, 0 without any."""
    nearest = np.empty(size, np.float32)
    matrix = rig.camera_matrix @ rig.T_camera_grid[:3]
    pool_nearest_points(np.asarray(points, np.float32), matrix, np.array(rig.image_size), nearest)
    return nearest


def occupancy_children(points: NDArray[np.float32], grid: SceneGrid) -> NDArray[np.uint8]:
    """Which voxels a point fell into, laid out as the eight children of each coarse voxel.

    Args:
        points: (N, 3) [m], grid frame.
        grid: of even shape (X, Y, Z).

    Returns:
        (8, X/2, Y/2, Z/2) uint8; child = 4 (x % 2) + 2 (y % 2) + z % 2.
    """
    origin, edges, children = blank_children(grid)
    mark_children(points, origin, edges, children)
    return children


def blank_children(grid: SceneGrid) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Corner and edges [m] of a grid, and children without a point: what `mark_children` wants.

    The children of a voxel lie side by side in memory, as channels of volumes do.
    """
    corner, edges = np.array(grid.min_corner, np.float32), np.array(grid.edges, np.float32)
    return corner, edges, np.moveaxis(np.zeros((*(n // 2 for n in grid.shape), 8), np.uint8), -1, 0)
