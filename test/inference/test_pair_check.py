"""Real pairs with the faults that a robot's cameras have; each is found and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.core import Frame
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.pair_check import examine_pair, row_offset
from ssc_ros.inference.stereo import StereoMatcher

Image = NDArray[np.uint8]
Fault = Callable[[Frame, Frame], tuple[Image, Image]]

MATCHER = StereoMatcher(scale=0.5)


def shifted(image: Image, rows: int) -> Image:
    return np.roll(image, rows, axis=0)


def distorted(frame: Frame, image: Image) -> Image:
    """The image of a lens with k1 = -0.3, as a driver sends it without rectification."""
    height, width = frame.rig.image_size
    lens = np.array([0.3, 0.0, 0.0, 0.0])
    maps = cv2.initUndistortRectifyMap(
        frame.rig.camera_matrix, lens, np.eye(3), frame.rig.camera_matrix, (width, height), cv2.CV_32FC1
    )
    return np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)


FAULTS: dict[str, tuple[str, Fault]] = {
    "swapped": ("swapped", lambda now, later: (now.right, now.left)),
    "one camera twice": ("are the same", lambda now, later: (now.left, now.left)),
    "black": ("next to nothing", lambda now, later: (now.left * 0, now.right * 0)),
    "lens cap on one side": ("right image shows", lambda now, later: (now.left, now.right * 0)),
    "rows lower": ("rows lower", lambda now, later: (now.left, shifted(now.right, 4))),
    "two rows higher": ("rows higher", lambda now, later: (now.left, shifted(now.right, -2))),
    "not rectified": ("rectified", lambda now, later: (distorted(now, now.left), distorted(now, now.right))),
    "out of focus": ("rectified", lambda now, later: (np.asarray(cv2.blur(now.left, (25, 25)), np.uint8), now.right)),
}


@pytest.fixture(scope="module", params=["00", "01", "03", "08"])
def frames(request: pytest.FixtureRequest, kitti_root: Path) -> tuple[Frame, Frame]:
    """Two real frames, half a second apart."""
    sequence = KittiSequence.open(kitti_root / "sequences" / request.param)
    first, second = (sequence.frame(sequence.frame_ids[i], with_points=False) for i in (0, 5))
    return first, second


def test_a_good_pair_has_no_complaints(frames: tuple[Frame, Frame]) -> None:
    found = examine_pair(frames[0].left, frames[0].right, MATCHER)
    assert list(found.complaints()) == []
    assert found.matched > 0.85
    assert abs(found.row_offset) <= 0.25


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(frames: tuple[Frame, Frame], fault: str) -> None:
    words, broken = FAULTS[fault]
    complaints = list(examine_pair(*broken(*frames), MATCHER).complaints())
    assert len(complaints) == 1
    assert words in complaints[0]


def test_images_of_different_times_are_no_pair(frames: tuple[Frame, Frame]) -> None:
    assert list(examine_pair(frames[0].left, frames[1].right, MATCHER).complaints())


@pytest.mark.parametrize("rows", [-3, 0, 2, 5])
def test_the_offset_of_rows_is_that_of_a_shifted_image(rows: int) -> None:
    rng = np.random.default_rng(0)
    left = cv2.GaussianBlur(rng.integers(0, 255, (120, 400)).astype(np.uint8), (0, 0), 2)
    right = shifted(np.roll(left, -11, axis=1), rows)
    assert row_offset(np.asarray(left, np.uint8), np.asarray(right, np.uint8)) == rows


def test_without_corners_there_is_no_offset() -> None:
    flat = np.full((100, 300), 90, np.uint8)
    assert np.isnan(row_offset(flat, flat))
