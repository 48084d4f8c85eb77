"""Voxel grids as images, by casting a ray through the grid for each pixel; needs no OpenGL, the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SceneGrid
from ssc_ros.kernels.compiled import kernel

BACKGROUND = (247, 248, 250)
_FACE_LIGHT = np.array([0.80, 0.68, 1.0], np.float32)
"""Light on faces across x, y and z: the sun stands high, a little behind the viewer."""


@dataclass(frozen=True)
class View:
    """A pinhole view of a scene.

    Attributes:
        eye, target: where the viewer is and looks at [m], grid frame; up is z.
        size: (height, width) [px].
        field_of_view: horizontal [degrees].
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    size: tuple[int, int]
    field_of_view: float = 50.0

    def rays(self, samples: int) -> NDArray[np.float64]:
        """Unit directions (samples * H, samples * W, 3), grid frame, of `samples` x `samples` rays a pixel."""
        height, width = (samples * n for n in self.size)
        forward = np.subtract(self.target, self.eye)
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        focal = width / 2 / np.tan(np.radians(self.field_of_view) / 2)
        v, u = np.mgrid[:height, :width] + 0.5
        rays = ((u - width / 2) / focal)[..., None] * right + ((v - height / 2) / focal)[..., None] * down + forward
        return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def perspective(
    colors: NDArray[np.uint8], solid: NDArray[np.bool_], grid: SceneGrid, view: View, samples: int = 2
) -> NDArray[np.uint8]:
    """Draw voxels as shaded cubes.

    Args:
        colors: (X, Y, Z, 3) uint8 RGB.
        solid: (X, Y, Z) bool, the voxels to draw.
        grid: where they are.
        view: from where.
        samples: rays a pixel along each side; smooths the edges.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rays = view.rays(samples)
    eye = (np.asarray(view.eye) - grid.min_corner) / grid.voxel_size
    voxel, axis, distance = _cast(np.ascontiguousarray(solid), eye, rays.reshape(-1, 3))
    hit = voxel >= 0
    voxel, axis, distance = voxel[hit], axis[hit], distance[hit]

    # the air cell in front of the face that was hit: the fuller its neighbourhood, the less light gets there
    index = np.stack(np.unravel_index(voxel, grid.shape), axis=-1)
    air = index.copy()
    air[np.arange(len(air)), axis] -= np.sign(rays.reshape(-1, 3)[hit, axis]).astype(np.int64)
    air = np.clip(air, 0, np.asarray(grid.shape) - 1)
    light = _FACE_LIGHT[axis] * (1.0 - 0.75 * _fullness(solid)[tuple(air.T)])
    haze = np.clip(distance * grid.voxel_size / 160.0, 0, 0.4)[:, None]

    image = np.full((len(rays.reshape(-1, 3)), 3), BACKGROUND, np.float32)
    shaded = colors.reshape(-1, 3)[voxel] * light[:, None]
    image[hit] = shaded * (1 - haze) + np.asarray(BACKGROUND, np.float32) * haze
    height, width = view.size
    image = cv2.resize(image.reshape(*rays.shape), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(image + 0.5, 0, 255), np.uint8)


def from_above(colors: NDArray[np.uint8], solid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Colour of the highest solid voxel of each column, lit by its surroundings; forward is up, left is left.

    Args:
        colors: (X, Y, Z, 3) uint8 RGB.
        solid: (X, Y, Z) bool.

    Returns:
        (X, Y, 3) uint8 RGB.
    """
    depth = solid.shape[2]
    top = depth - 1 - np.argmax(solid[:, :, ::-1], axis=2)
    seen = np.asarray(solid.any(axis=2))
    height = np.where(seen, top, 0)[:, :, None]
    color = np.take_along_axis(colors, height[..., None], axis=2)[:, :, 0].astype(np.float32)
    above = np.take_along_axis(_fullness(solid), np.minimum(height + 1, depth - 1), axis=2)
    color *= 1.0 - 0.6 * above
    image = np.where(seen[..., None], color, np.asarray(BACKGROUND, np.float32))
    return np.asarray(image[::-1, ::-1], np.uint8)


def _fullness(solid: NDArray[np.bool_], radius: int = 2) -> NDArray[np.float32]:
    """Share of solid voxels in the cube of `radius` around each voxel, (X, Y, Z) float32."""
    x, y, z = solid.shape
    width = 2 * radius + 1
    volume = np.asarray(solid, np.float32)
    volume = cv2.blur(volume.reshape(x, y * z), (1, width)).reshape(x, y, z)
    volume = np.stack([cv2.blur(plane, (width, width)) for plane in volume])
    return np.asarray(volume, np.float32)


@kernel
def _cast(
    solid: NDArray[np.bool_], eye: NDArray[np.float64], rays: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """First solid voxel on each ray (Amanatides and Woo 1987).

    Args:
        solid: (X, Y, Z) bool.
        eye: (3,), in voxels from the grid's corner.
        rays: (N, 3) unit directions.

    Returns:
        Flat voxel index or -1, the axis across which the ray entered it, and the distance in voxels; (N,) each.
    """
    count = len(rays)
    voxel = np.full(count, -1, np.int64)
    face = np.zeros(count, np.int64)
    distance = np.zeros(count, np.float32)
    shape = solid.shape
    index = np.zeros(3, np.int64)
    step = np.zeros(3, np.int64)
    crossing = np.zeros(3)  # where the ray next leaves its voxel, along each axis
    spacing = np.zeros(3)
    for n in range(count):
        enter, leave, axis = 0.0, np.inf, 2
        for a in range(3):
            d = rays[n, a] if abs(rays[n, a]) > 1e-9 else 1e-9
            near, far = -eye[a] / d, (shape[a] - eye[a]) / d
            if near > far:
                near, far = far, near
            if near > enter:
                enter, axis = near, a
            leave = min(leave, far)
        if enter >= leave:
            continue
        for a in range(3):
            d = rays[n, a] if abs(rays[n, a]) > 1e-9 else 1e-9
            index[a] = min(max(int(np.floor(eye[a] + (enter + 1e-6) * d)), 0), shape[a] - 1)
            step[a] = 1 if d > 0 else -1
            crossing[a] = (index[a] + (1 if d > 0 else 0) - eye[a]) / d
            spacing[a] = 1.0 / abs(d)
        at = enter
        while True:
            if solid[index[0], index[1], index[2]]:
                voxel[n] = (index[0] * shape[1] + index[1]) * shape[2] + index[2]
                face[n] = axis
                distance[n] = at
                break
            axis = 0
            if crossing[1] < crossing[axis]:
                axis = 1
            if crossing[2] < crossing[axis]:
                axis = 2
            at = crossing[axis]
            index[axis] += step[axis]
            if index[axis] < 0 or index[axis] >= shape[axis]:
                break
            crossing[axis] += spacing[axis]
    return voxel, face, distance
