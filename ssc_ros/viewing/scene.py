"""What is seen and found, as a rerun recording with one time line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN, LabelSet, SemanticGrid
from ssc_ros.evaluation.pictures import draw_legend
from ssc_ros.evaluation.render import from_above

TIME = "stamp"
"""Name of the time line: stamps of the left images."""

JPEG_QUALITY = 85


class SceneLog:
    """Sends a scene to a viewer: voxels, left image, view from above, points, latency, drops, colours."""

    def __init__(self, data: str) -> None:
        """Connect to a viewer and lay out its page.

        Args:
            data: see `Viewer.data`.

        Raises:
            ModuleNotFoundError: rerun is not installed.
        """
        import rerun

        self._rerun = rerun
        self._recording = rerun.RecordingStream("ssc_ros")
        self._recording.connect_grpc(data)
        self._label_set: LabelSet | None = None
        self._recording.send_blueprint(_layout())
        self._recording.log("world", rerun.ViewCoordinates.FLU, static=True)

    def add_grid(self, grid: SemanticGrid) -> None:
        """Show the surface voxels as cubes in class colours, and the scene from above."""
        rerun = self._rerun
        self._explain(grid.label_set)
        self._at(grid.stamp)
        index = grid.surface()
        labels = grid.labels[tuple(index.T)]
        boxes = rerun.Boxes3D(
            centers=grid.grid.centers(index),
            half_sizes=[[edge / 2 for edge in grid.grid.edges]],
            colors=grid.label_set.colors(labels),
            class_ids=labels,
            fill_mode="solid",
            show_labels=False,  # the class of a voxel is shown where the mouse is
        )
        self._recording.log("world/voxels", boxes)
        above = from_above(grid.label_set.colors(grid.labels), grid.occupied)
        self._recording.log("bev", rerun.Image(above))

    def add_left_image(self, stamp: int, image: NDArray[np.uint8]) -> None:
        """Show the left image (H, W, 3) uint8 RGB of a stamp [ns]."""
        self._at(stamp)
        self._recording.log("left", self._rerun.Image(image).compress(jpeg_quality=JPEG_QUALITY))

    def add_points(self, stamp: int, points: NDArray[np.float32], colors: NDArray[np.uint8] | None = None) -> None:
        """Show LiDAR points.

        Args:
            stamp: [ns].
            points: (N, 3) [m], grid frame.
            colors: (N, 3) uint8 RGB; None: all are grey.
        """
        self._at(stamp)
        shown = np.array([[128, 128, 128]], np.uint8) if colors is None else colors
        self._recording.log("world/points", self._rerun.Points3D(points, colors=shown, radii=-1.5))

    def add_status(self, stamp: int, latency: float, processing_time: float, drops: int) -> None:
        """Show how long a frame took since its stamp and since it arrived [s], and how many were dropped so far."""
        self._at(stamp)
        self._recording.log("node/ms/latency", self._rerun.Scalars(1e3 * latency))
        self._recording.log("node/ms/processing", self._rerun.Scalars(1e3 * processing_time))
        self._recording.log("node/drops", self._rerun.Scalars(drops))

    def close(self) -> None:
        """Send what is still waiting."""
        self._recording.flush()
        self._recording.disconnect()

    def _at(self, stamp: int) -> None:
        self._recording.set_time(TIME, timestamp=np.datetime64(stamp, "ns"))

    def _explain(self, label_set: LabelSet) -> None:
        """Name the classes, once."""
        if label_set is self._label_set:
            return
        self._label_set = label_set
        classes: list[Any] = [
            (train, name, color)
            for train, (name, color) in enumerate(zip(label_set.names, label_set.palette, strict=True))
            if train not in (EMPTY, UNKNOWN)
        ]
        self._recording.log("world", self._rerun.AnnotationContext(classes), static=True)
        self._recording.log("classes", self._rerun.Image(draw_legend(label_set)), static=True)


def _layout() -> Any:
    """The page: voxels on the left; image, view from above, classes and time lines on the right."""
    import rerun.blueprint as blueprint

    eye = blueprint.EyeControls3D(position=(-18.0, 0.0, 16.0), look_target=(18.0, 0.0, -2.0), eye_up=(0.0, 0.0, 1.0))
    small = blueprint.Horizontal(
        blueprint.Spatial2DView(origin="/bev", name="from above"),
        blueprint.Spatial2DView(origin="/classes", name="classes"),
    )
    times = blueprint.Horizontal(
        blueprint.TimeSeriesView(origin="/node/ms", name="times [ms]"),
        blueprint.TimeSeriesView(origin="/node/drops", name="drops"),
    )
    right = blueprint.Vertical(
        blueprint.Spatial2DView(origin="/left", name="left image"), small, times, row_shares=[3, 4, 2]
    )
    scene = blueprint.Spatial3DView(origin="/world", name="voxels and points", eye_controls=eye)
    return blueprint.Blueprint(
        blueprint.Horizontal(scene, right, column_shares=[3, 2]),
        blueprint.BlueprintPanel(state="hidden"),
        blueprint.SelectionPanel(state="hidden"),
        blueprint.TimePanel(state="collapsed", timeline=TIME),
        auto_views=False,
    )
