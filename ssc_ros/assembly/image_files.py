"""Pairs of image files with a calibration file, and the frames that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, SscError, StereoRig
from ssc_ros.data.files import read_image
from ssc_ros.messages.rectification import Rectify, keep
from ssc_ros.messages.stamps import SECOND

Image = NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def paired_files(left: Path, right: Path) -> list[tuple[Path, Path]]:
    """Return the pairs of two files, or of two folders, sorted by name.

    Raises:
        SscError: a file is missing, or the folders do not hold as many images.
    """
    for path in (left, right):
        if not path.exists():
            raise SscError(f"there is no image {path}")
    if left.is_dir() != right.is_dir():
        raise SscError(f"one of {left} and {right} is a folder, the other is not")
    if not left.is_dir():
        return [(left, right)]
    lefts, rights = (
        sorted(file for file in side.iterdir() if file.suffix.lower() in SUFFIXES) for side in (left, right)
    )
    if not lefts or len(lefts) != len(rights):
        raise SscError(
            f"{left} has {len(lefts)} images and {right} {len(rights)}; expected as many in each, at least 1"
        )
    return list(zip(lefts, rights, strict=True))


def read_pairs(files: Sequence[tuple[Path, Path]]) -> Iterator[tuple[Image, Image]]:
    """Read pairs of images, one at a time.

    Raises:
        SscError: a file cannot be read.
    """
    for left, right in files:
        yield read_image(left), read_image(right)


def first_pair(left: Path, right: Path) -> tuple[Image, Image]:
    """Read the first pair of two files or folders.

    Raises:
        SscError: see `paired_files`, or an image is damaged.
    """
    return next(read_pairs(paired_files(left, right)[:1]))


class FileFrames:
    """The frames of pairs of image files: stereo alone, without points and poses.

    Attributes:
        names: of the frames, in their order: the left files' names without suffix.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Path, Path]],
        rig: StereoRig,
        rate: float,
        rectify: tuple[Rectify, Rectify] = (keep, keep),
    ) -> None:
        """Read nothing yet.

        Args:
            pairs: see `paired_files`.
            rig: calibration and mount of all pairs.
            rate: images a second; gives each frame its stamp, because files have none.
            rectify: of the left and of the right images; they are kept as they are unless told otherwise.

        Raises:
            SscError: two left files have the same name but for the suffix.
        """
        self.names = tuple(left.stem for left, _ in pairs)
        if len(set(self.names)) < len(self.names):
            raise SscError(f"files in {pairs[0][0].parent} have the same name but for the suffix; expected one of each")
        self._pairs = pairs
        self._rig = rig
        self._rate = rate
        self._rectify = rectify

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self.names)

    def frames(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Frame]]:
        """Read the frames whose names are wanted.

        Raises:
            SscError: an image is missing, damaged or of another size than the calibration; the error names the file.
        """
        for number, (name, files) in enumerate(zip(self.names, self._pairs, strict=True)):
            if wanted(name):
                left, right = (rectify(self._read(file)) for rectify, file in zip(self._rectify, files, strict=True))
                yield name, Frame(round(number * SECOND / self._rate), left, right, self._rig)

    def _read(self, file: Path) -> Image:
        image = read_image(file)
        height, width = self._rig.image_size
        if image.shape[:2] != (height, width):
            raise SscError(
                f"{file} has {image.shape[1]} x {image.shape[0]} pixels, its calibration is for {width} x {height}; "
                "use the calibration of the rectified images"
            )
        return image
