"""From two calibrations to a rig, against KITTI's own numbers; what would make depth wrong is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from ssc_ros.messages.calibration import stereo_rig
from ssc_ros.messages.drops import Drop, UnusableInput

# calib.txt of KITTI odometry sequence 00
P2 = [718.856, 0, 607.1928, 45.38225, 0, 718.856, 185.2157, -0.1130887, 0, 0, 1, 0.003779761]
P3 = [718.856, 0, 607.1928, -337.2877, 0, 718.856, 185.2157, 2.369057, 0, 0, 1, 0.004915215]
IDENTITY = np.eye(4)


def info(p: ArrayLike, height: int = 376, width: int = 1241, **more: Any) -> SimpleNamespace:
    fields = {"roi": SimpleNamespace(width=0, height=0), "binning_x": 0, "binning_y": 0} | more
    return SimpleNamespace(p=np.array(p, float), height=height, width=width, **fields)


def test_the_rig_of_kitti_is_accepted_with_its_offsets() -> None:
    rig = stereo_rig(info(P2), info(P3), IDENTITY)
    assert rig.baseline == pytest.approx((45.38225 + 337.2877) / 718.856)
    assert rig.image_size == (376, 1241)
    # a point of the reference frame lands in the left image where P2 puts it
    point = np.array([1.0, 2.0, 20.0])
    u, v, w = np.array(P2).reshape(3, 4) @ [*point, 1]
    np.testing.assert_allclose(rig.project(point)[0], [u / w, v / w])


def changed(p: list[float], **entries: float) -> list[float]:
    p = list(p)
    for index, value in entries.items():
        p[int(index[1:])] = value
    return p


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        (info([0.0] * 12), info(P3), "not calibrated"),
        (info(P2), info([0.0] * 12), "right"),
        (info([np.nan] * 12), info(P3), "no focal length"),
        (info([5e-324, *P2[1:]]), info([5e-324, *P3[1:]]), "no focal length"),  # by which nothing can be divided
        (info(changed(P2, _0=0.58)), info(changed(P3, _0=0.58)), "no focal length"),  # in widths of the image
        (info(changed(P2, _3=1e300)), info(P3), "P of the left"),
        (info(P2), info(P3, width=1242), "1242"),
        (info(P3), info(P2), "swapped"),
        (info(P2), info(P2), "knows each camera alone"),
        (info(P2), info(changed(P3, _3=-718.856 * 540.0)), "another unit"),  # millimetres
        (info(P2), info(changed(P3, _3=-718.856 * 54.0)), "another unit"),  # centimetres
        (info(P2), info(changed(P3, _3=P2[3] - 718.856 * 0.004)), "another unit"),
        (info(P2), info(changed(P3, _0=700.0)), "rectified pair"),
        (info(P2), info(changed(P3, _2=600.0)), "zero disparity"),
        (info(P2), info(changed(P3, _6=190.0)), "rectified pair"),
        (info(changed(P2, _1=3.0)), info(changed(P3, _1=3.0)), "rectified pair"),
        (info(P2), info(changed(P3, _7=-30.0)), "not along its rows"),
        (info(P2), info(P3, binning_x=2), "full images"),
        (info(P2, roi=SimpleNamespace(width=600, height=376)), info(P3), "full images"),
    ],
)
def test_calibrations_that_would_make_depth_wrong_are_refused(
    left: SimpleNamespace, right: SimpleNamespace, words: str
) -> None:
    with pytest.raises(UnusableInput, match=words) as refused:
        stereo_rig(left, right, IDENTITY)
    assert refused.value.reason is Drop.CALIBRATION
