"""One picture of a frame: what the camera saw, what was predicted, what is true where that is known."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ssc_ros.core import EMPTY, UNKNOWN, Frame, LabelSet, SceneGrid, SemanticGrid
from ssc_ros.core.files import write_atomically
from ssc_ros.evaluation.confusion import Confusion
from ssc_ros.evaluation.render import BACKGROUND, View, from_above, perspective

_WIDTH, _GAP, _TITLE, _LINE = 1620, 20, 34, 34
_SQUARE = 520
"""Width of the view from above [px]."""

_TALLEST = 600
"""Height of the left image where there is no truth [px]: images of robots are less wide than KITTI's."""

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
    tops = np.cumsum([_GAP, _TITLE + image_height + _GAP, _TITLE + view.size[0] + _GAP, _TITLE + _SQUARE + _GAP])
    place = _Placer((_WIDTH + 2 * _GAP, int(tops[-1])))

    place(f"{title}: left image", frame.left, (_GAP, tops[0]), (_WIDTH, image_height))
    for name, scene, x in (("prediction", prediction, _GAP), ("ground truth", true, half + 2 * _GAP)):
        colors = _colors(scene, seen)
        place(name, perspective(colors, scene.occupied, grid, view), (x, tops[1]), view.size[::-1])
    for name, scene, x in (("prediction", prediction, _GAP), ("ground truth", true, _SQUARE + 2 * _GAP)):
        above = from_above(_colors(scene, seen), scene.occupied)
        place(f"{name} from above", above, (x, tops[2]), (_SQUARE, _SQUARE * above.shape[0] // above.shape[1]))
    _scored_legend(place, prediction, truth, (2 * _SQUARE + 4 * _GAP, int(tops[2])))
    place.save(path)


def draw_prediction(path: Path, title: str, frame: Frame, prediction: SemanticGrid) -> None:
    """Draw the input image, and the prediction in perspective and from above, with a legend.

    Voxels out of the camera's view are faded.

    Args:
        path: a PNG file; it is there in full or not at all.
        title: headline.
        frame: what was sensed.
        prediction: what was predicted.
    """
    grid = prediction.grid
    seen = frame.rig.in_view(grid.centers()) if prediction.observed is None else prediction.observed
    colors = _colors(prediction, seen)
    image_height, image_width = frame.left.shape[:2]
    scale = min(_WIDTH / image_width, _TALLEST / image_height)
    image_size = round(image_width * scale), round(image_height * scale)
    view = _overview(grid, (_SQUARE, _WIDTH - _GAP - _SQUARE))
    tops = np.cumsum([_GAP, _TITLE + image_size[1] + _GAP, _TITLE + _SQUARE + _GAP, _TITLE + 4 * _LINE + _GAP])
    place = _Placer((_WIDTH + 2 * _GAP, int(tops[-1])))

    place(title, frame.left, (_GAP, tops[0]), image_size)
    place("prediction", perspective(colors, prediction.occupied, grid, view), (_GAP, tops[1]), view.size[::-1])
    above = from_above(colors, prediction.occupied)
    corner = _GAP + _WIDTH - _SQUARE, tops[1]
    place("from above", above, corner, (_SQUARE, _SQUARE * above.shape[0] // above.shape[1]))
    _legend(place, prediction.label_set, (_GAP, int(tops[2]) - _TITLE), rows=4, column=_WIDTH // 5)
    place.text("Faded: out of the camera's view.", (_GAP, int(tops[2]) + 4 * _LINE + 4), 16)
    place.save(path)


def draw_legend(label_set: LabelSet) -> NDArray[np.uint8]:
    """Draw the colours and names of all classes but empty, as (H, W, 3) uint8 RGB."""
    rows = -(-(len(label_set) - 1) // 2)
    place = _Placer((2 * 200 + _GAP, _TITLE + rows * _LINE))
    _legend(place, label_set, (_GAP, _GAP - _TITLE), rows, column=200)
    return np.asarray(place.page)


class _Placer:
    """Puts titled images on a page of a size (width, height) [px]."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.page = Image.new("RGB", size, BACKGROUND)
        self.draw = ImageDraw.Draw(self.page)

    def save(self, path: Path) -> None:
        content = io.BytesIO()
        self.page.save(content, "PNG")
        write_atomically(path, content.getvalue())

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


def _legend(
    place: _Placer, label_set: LabelSet, corner: tuple[int, int], rows: int, column: int
) -> list[tuple[int, int, int]]:
    """Class colours, column by column; returns each class with the place (x, y) of its line [px]."""
    places = []
    for train, name in list(enumerate(label_set.names))[EMPTY + 1 :]:
        x = corner[0] + (train - 1) // rows * column
        y = corner[1] + _TITLE + 8 + (train - 1) % rows * _LINE
        place.draw.rounded_rectangle((x, y, x + 24, y + 20), 4, label_set.palette[train], (120, 120, 120))
        place.text(name, (x + 34, y - 1), 17)
        places.append((train, x, y))
    return places


def _scored_legend(place: _Placer, prediction: SemanticGrid, truth: NDArray[np.uint8], corner: tuple[int, int]) -> None:
    """Class colours with the frame's scores."""
    label_set = prediction.label_set
    confusion = Confusion(len(label_set))
    confusion.add(prediction.labels, truth)
    scores = confusion.scores()
    x, y = corner
    place.text(f"this frame: IoU {100 * scores.iou:.1f} %, mIoU {100 * scores.miou:.1f} %", (x, y), 20)
    rows = len(label_set) // 2
    for train, left, top in _legend(place, label_set, corner, rows, column=250):
        iou = f"{100 * scores.per_class[train]:.1f}" if scores.truth[train] else "-"
        place.text(iou, (left + 178, top - 1), 17)
    note = (
        "Numbers: IoU in percent; -: not in the truth of this frame.\nFaded: out of the camera's view, or not scored."
    )
    place.text(note, (x, y + _TITLE + 24 + rows * _LINE), 16)
