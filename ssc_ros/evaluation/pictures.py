"""One picture of a frame: what the camera saw, what was predicted, what is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ssc_ros.core import EMPTY, UNKNOWN, Frame, SceneGrid, SemanticGrid
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.render import BACKGROUND, View, from_above, perspective

_WIDTH, _GAP, _TITLE = 1620, 20, 34
_INK = (40, 44, 52)
_FADED = 0.72
"""How far the colour of an unseen or unscored voxel moves towards light grey."""


def draw_picture(path: Path, title: str, frame: Frame, prediction: SemanticGrid, truth: NDArray[np.uint8]) -> None:
    """Draw the input image, and prediction and truth in perspective and from above, with a legend.

    Unknown voxels of the truth are not drawn. Voxels out of the camera's view are faded, and so are predicted voxels
    whose truth is unknown: nobody scores them.

    Args:
        path: a PNG file.
        title: headline.
        frame: what was sensed.
        prediction: what was predicted.
        truth: (X, Y, Z) uint8 train ids, 255 unknown.
    """
    grid = prediction.grid
    in_view = frame.rig.in_view(grid.centers()) if prediction.observed is None else prediction.observed
    seen = in_view & (truth != UNKNOWN)
    true = SemanticGrid(truth, grid, prediction.label_set)

    half = (_WIDTH - _GAP) // 2
    view = _overview(grid, (half * 9 // 16, half))
    image_height = round(frame.left.shape[0] * _WIDTH / frame.left.shape[1])
    square = 520
    tops = np.cumsum([_GAP, _TITLE + image_height + _GAP, _TITLE + view.size[0] + _GAP, _TITLE + square + _GAP])
    picture = Image.new("RGB", (_WIDTH + 2 * _GAP, int(tops[-1])), BACKGROUND)
    place = _Placer(picture)

    place(f"{title}: left image", frame.left, (_GAP, tops[0]), (_WIDTH, image_height))
    for name, scene, x in (("prediction", prediction, _GAP), ("ground truth", true, half + 2 * _GAP)):
        colors = _colors(scene, seen)
        place(name, perspective(colors, scene.occupied, grid, view), (x, tops[1]), view.size[::-1])
    for name, scene, x in (("prediction", prediction, _GAP), ("ground truth", true, square + 2 * _GAP)):
        above = from_above(_colors(scene, seen), scene.occupied)
        place(f"{name} from above", above, (x, tops[2]), (square, square * above.shape[0] // above.shape[1]))
    _legend(place, prediction, truth, (2 * square + 4 * _GAP, int(tops[2])))
    picture.save(path)


class _Placer:
    """Puts titled images on a page."""

    def __init__(self, page: Image.Image) -> None:
        self.page = page
        self.draw = ImageDraw.Draw(page)

    def __call__(self, title: str, image: NDArray[np.uint8], corner: tuple[int, int], size: tuple[int, int]) -> None:
        x, y = (int(n) for n in corner)
        enlarged = size[0] % image.shape[1] == 0 or image.shape[1] < size[0] // 2
        resampling = Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS
        self.text(title, (x, y), 20)
        self.page.paste(Image.fromarray(image).resize(size, resampling), (x, y + _TITLE))

    def text(self, text: str, corner: tuple[int, int], size: int) -> None:
        self.draw.text(corner, text, fill=_INK, font=ImageFont.load_default(size))


def _overview(grid: SceneGrid, size: tuple[int, int]) -> View:
    """From behind and above the sensor, so that the whole box is in sight; in proportion to the box."""
    length = grid.max_corner[0] - grid.min_corner[0]
    x, y = grid.min_corner[0], (grid.min_corner[1] + grid.max_corner[1]) / 2
    return View((x - 0.36 * length, y, 0.38 * length), (x + 0.40 * length, y, -0.1 * length), size, 56.0)


def _colors(scene: SemanticGrid, seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    colors = scene.label_set.colors(scene.labels)
    faded = scene.occupied & ~seen
    colors[faded] = (1 - _FADED) * colors[faded] + _FADED * 225
    return colors


def _legend(place: _Placer, prediction: SemanticGrid, truth: NDArray[np.uint8], corner: tuple[int, int]) -> None:
    """Class colours with the frame's scores."""
    label_set = prediction.label_set
    confusion = Confusion(len(label_set))
    confusion.add(prediction.labels, truth)
    scores = confusion.scores()
    x, y = corner
    place.text(f"this frame: IoU {100 * scores.iou:.1f} %, mIoU {100 * scores.miou:.1f} %", (x, y), 20)
    column, line = 250, 34
    rows = (len(label_set)) // 2
    for train, name in list(enumerate(label_set.names))[EMPTY + 1 :]:
        left, top = x + (train - 1) // rows * column, y + _TITLE + 8 + (train - 1) % rows * line
        place.draw.rounded_rectangle((left, top, left + 24, top + 20), 4, label_set.palette[train], (120, 120, 120))
        iou = f"{100 * scores.per_class[train]:.1f}" if scores.truth[train] else "-"
        place.text(name, (left + 34, top - 1), 17)
        place.text(iou, (left + 178, top - 1), 17)
    note = (
        "Numbers: IoU in percent; -: not in the truth of this frame.\nFaded: out of the camera's view, or not scored."
    )
    place.text(note, (x, y + _TITLE + 24 + rows * line), 16)
