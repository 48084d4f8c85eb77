"""The calibrations of KITTI odometry, which simulated sequences borrow by their number (Geiger et al. 2012)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import poses

LEFT, RIGHT = 2, 3
"""The colour cameras among the four."""
IMAGE_SIZE = (370, 1226)
"""Height and width of the images of KITTI's rig [px]; KITTI's own differ by a few pixels between sequences."""


@dataclass(frozen=True)
class PinholeCamera:
    """A rectified camera.

    Attributes:
        image_size: height and width [px].
        k: (3, 3) camera matrix [px].
        T_grid_camera: (4, 4) optical frame -> grid frame.
    """

    image_size: tuple[int, int]
    k: NDArray[np.float64]
    T_grid_camera: NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """The content of calib.txt, and the size of the images.

    Attributes:
        k: (3, 3) camera matrix of all four rectified cameras [px].
        offsets: (4, 3) last columns of P0..P3.
        T_camera_grid: (4, 4) Tr, grid (KITTI's LiDAR) -> rectified camera 0.
        image_size: height and width of the images of all cameras [px].
    """

    k: NDArray[np.float64]
    offsets: NDArray[np.float64]
    T_camera_grid: NDArray[np.float64]
    image_size: tuple[int, int] = IMAGE_SIZE

    def camera(self, index: int) -> PinholeCamera:
        """Return camera 0..3; P = K [I | t] puts a camera at -t."""
        T_reference_camera = np.eye(4)
        T_reference_camera[:3, 3] = -np.linalg.solve(self.k, self.offsets[index])
        return PinholeCamera(self.image_size, self.k, poses.inverse(self.T_camera_grid) @ T_reference_camera)

    @property
    def baseline(self) -> float:
        """Distance from the left to the right colour camera [m]."""
        left, right = self.offsets[[LEFT, RIGHT], 0] / self.k[0, 0]
        return float(left - right)

    def text(self) -> str:
        """Return the content of calib.txt."""
        lines = [_line(f"P{i}", np.column_stack([self.k, offset])) for i, offset in enumerate(self.offsets)]
        return "\n".join([*lines, _line("Tr", self.T_camera_grid[:3])]) + "\n"


def _line(name: str, matrix: NDArray[np.float64]) -> str:
    return f"{name}: " + " ".join(f"{v:.12e}" for v in matrix.ravel())


def _calibration(
    f: float, cx: float, cy: float, p1: float, p2: tuple[float, ...], p3: tuple[float, ...], tr: tuple[float, ...]
) -> Calibration:
    k = np.array([[f, 0, cx], [0, f, cy], [0, 0, 1.0]])
    return Calibration(k, np.array([(0, 0, 0), (p1, 0, 0), p2, p3], np.float64), poses.from_rows(np.array(tr)))


_CITY = _calibration(
    718.8560, 607.1928, 185.2157, -386.1448, (45.38225, -0.1130887, 0.003779761), (-337.2877, 2.369057, 0.004915215),
    (4.276802385584e-04, -9.999672484946e-01, -8.084491683471e-03, -1.198459927713e-02,
     -7.210626507497e-03, 8.081198471645e-03, -9.999413164504e-01, -5.403984729748e-02,
     9.999738645903e-01, 4.859485810390e-04, -7.206933692422e-03, -2.921968648686e-01),
)  # fmt: skip
_THIRD = _calibration(
    721.5377, 609.5593, 172.8540, -387.5744, (44.85728, 0.2163791, 0.002745884), (-339.5242, 2.199936, 0.002729905),
    (2.347736981471e-04, -9.999441545438e-01, -1.056347781105e-02, -2.796816941295e-03,
     1.044940741659e-02, 1.056535364138e-02, -9.998895741176e-01, -7.510879138296e-02,
     9.999453885620e-01, 1.243653783865e-04, 1.045130299567e-02, -2.721327964059e-01),
)  # fmt: skip
_LATER = _calibration(
    707.0912, 601.8873, 183.1104, -379.7842, (46.88783, 0.1178601, 0.006203223), (-333.4597, 1.930130, 0.003318498),
    (-1.857739385241e-03, -9.999659513510e-01, -8.039975204516e-03, -4.784029760483e-03,
     -6.481465826011e-03, 8.051860151134e-03, -9.999466081774e-01, -7.337429464231e-02,
     9.999773098287e-01, -1.805528627661e-03, -6.496203536139e-03, -3.339968064433e-01),
)  # fmt: skip


def calibration_of(sequence: int) -> Calibration:
    """Return the calibration of KITTI's sequence of that number; of 04 to 12 for numbers above 21."""
    if sequence <= 2 or 13 <= sequence <= 21:
        return _CITY
    return _THIRD if sequence == 3 else _LATER
