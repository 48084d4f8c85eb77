"""Whether two images are a rectified stereo pair: what a wrong cable, mount or calibration does to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.inference.stereo import StereoMatcher

MATCHED = 0.8
"""Share of pixels that a good pair matches at least: 0.96 on streets, 0.71 with rows off by 4, 0.35 swapped."""

ROWS = 0.75
"""How far corners may lie off their row [px]; a well calibrated pair stays below a third."""

CONTRAST = 4.0
"""Least standard deviation of an image's grey values: a covered lens, a wall, a driver that sends zeros."""

EXPOSED = 0.3
"""Largest share of pixels that may be black or white."""

_CORNERS, _PATCH, _BAND = 40, 7, 8
"""Corners that are looked up, half the size of the patch around each, and the rows searched above and below [px]."""

_LEAST_CORRELATION = 0.9
_FEWEST_CORNERS = 12


@dataclass(frozen=True)
class PairFindings:
    """What a pair of images looks like.

    Attributes:
        matched: share of left pixels that semi-global matching finds in the right image, 0..1.
        swapped: the same with the images exchanged; looked at only where `matched` is low, else 0.
        row_offset: median of how much lower corners lie in the right image than in the left one [px]; NaN if too few
            were found.
        difference: mean absolute difference of the two images, 0..255.
        contrast: standard deviation of the grey values of each image.
        overexposed, underexposed: largest share of white and of black pixels of either image.
    """

    matched: float
    swapped: float
    row_offset: float
    difference: float
    contrast: tuple[float, float]
    overexposed: float
    underexposed: float

    def complaints(self) -> Iterator[str]:
        """Say what is wrong and what to do, the likeliest cause first; nothing for a good pair."""
        flat = [side for side, value in zip(("left", "right"), self.contrast, strict=True) if value < CONTRAST]
        if flat:
            yield f"the {' and '.join(flat)} image shows next to nothing (lens cap, dead camera?): look at the images"
            return
        if self.difference < 0.5:
            yield "left and right image are the same: one camera is published under both names; correct the remapping"
            return
        if self.matched < MATCHED and self.swapped > self.matched + 0.1:
            yield (
                f"left and right seem to be swapped: {self.matched:.0%} of the pixels are matched, {self.swapped:.0%} "
                "the other way round; exchange the topics or the cables"
            )
        elif abs(self.row_offset) > ROWS:
            yield (
                f"corners lie {abs(self.row_offset):.1f} rows {'lower' if self.row_offset > 0 else 'higher'} in the "
                "right image than in the left one: the images are not rectified (if they are raw, set rectify: true), "
                "or by an old calibration; calibrate the pair anew"
            )
        elif self.matched < MATCHED:
            yield (
                f"only {self.matched:.0%} of the pixels are matched, a good pair has 95 %: are the images rectified, "
                "in focus and taken at the same time?"
            )
        if self.exposure:
            yield self.exposure

    @property
    def exposure(self) -> str:
        """Say what is wrong with the exposure; empty if nothing is."""
        if max(self.overexposed, self.underexposed) <= EXPOSED:
            return ""
        kind, share = ("white", self.overexposed) if self.overexposed > EXPOSED else ("black", self.underexposed)
        return f"{share:.0%} of the pixels are {kind}: correct the exposure"


def combine_findings(findings: Sequence[PairFindings]) -> PairFindings | None:
    """Return the medians over several pairs, so that a single bad one does not count; None without any."""
    if not findings:
        return None

    def median(values: Iterable[float]) -> float:
        known = [value for value in values if np.isfinite(value)]
        return float(np.median(known)) if known else float("nan")

    return PairFindings(
        matched=median(f.matched for f in findings),
        swapped=median(f.swapped for f in findings),
        row_offset=median(f.row_offset for f in findings),
        difference=median(f.difference for f in findings),
        contrast=(median(f.contrast[0] for f in findings), median(f.contrast[1] for f in findings)),
        overexposed=median(f.overexposed for f in findings),
        underexposed=median(f.underexposed for f in findings),
    )


def examine_pair(
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    matcher: StereoMatcher,
    disparity: NDArray[np.float32] | None = None,
) -> PairFindings:
    """Look at a pair.

    Args:
        left, right: (H, W, 3) uint8 RGB of one size.
        matcher: finds disparities.
        disparity: what it has found already, or None.
    """
    grey = tuple(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) for image in (left, right))
    matched = share_matched(matcher.disparity(left, right) if disparity is None else disparity)
    return PairFindings(
        matched=matched,
        swapped=share_matched(matcher.disparity(right, left)) if matched < MATCHED else 0.0,
        row_offset=row_offset(grey[0], grey[1]),
        difference=float(cv2.absdiff(grey[0], grey[1]).mean()),
        contrast=(float(grey[0].std()), float(grey[1].std())),
        overexposed=max(float((image >= 254).mean()) for image in grey),
        underexposed=max(float((image <= 1).mean()) for image in grey),
    )


def share_matched(disparity: NDArray[np.float32]) -> float:
    """Return the share of pixels that have a disparity, 0..1."""
    return float(np.isfinite(disparity).mean())


def row_offset(left: NDArray[np.uint8], right: NDArray[np.uint8], disparities: int = 128) -> float:
    """Return by how many rows corners lie lower in the right image than in the left one.

    Args:
        left, right: (H, W) uint8 grey images.
        disparities: how far to the left a corner is looked for [px].

    Returns:
        Median over the corners that are found again [px], at a quarter of a pixel; NaN if fewer than 12 are.
    """
    margin = _PATCH + _BAND
    corners = cv2.goodFeaturesToTrack(left, 4 * _CORNERS, 0.01, 20)
    offsets: list[float] = []
    for u, v in np.rint(corners.reshape(-1, 2)).astype(int) if corners is not None else ():
        inside = margin <= v < len(left) - margin and margin + disparities <= u < left.shape[1] - margin
        if not inside or len(offsets) == _CORNERS:
            continue
        patch = left[v - _PATCH : v + _PATCH + 1, u - _PATCH : u + _PATCH + 1]
        strip = right[v - margin : v + margin + 1, u - disparities - _PATCH : u + _PATCH + 1]
        found = cv2.matchTemplate(strip, patch, cv2.TM_CCOEFF_NORMED)
        row, column = np.unravel_index(found.argmax(), found.shape)
        if found[row, column] >= _LEAST_CORRELATION and 0 < row < len(found) - 1:
            offsets.append(float(row) - _BAND + _peak(found[row - 1 : row + 2, column]))
    return float(np.median(offsets)) if len(offsets) >= _FEWEST_CORNERS else float("nan")


def _peak(values: NDArray[np.floating]) -> float:
    """Where the parabola through three values at -1, 0 and 1 is highest, to a quarter."""
    before, here, after = (float(value) for value in values)
    curvature = before - 2 * here + after
    return round(2 * (before - after) / curvature) / 4 if curvature < 0 else 0.0
