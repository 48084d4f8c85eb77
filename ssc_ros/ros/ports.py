"""What the node asks of networks; torch is not needed to say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import Frame, LabelSet, SceneGrid, SemanticGrid

if TYPE_CHECKING:
    from ssc_ros.systems.spec import History


class Metadata(Protocol):
    """What the node asks of a checkpoint's metadata."""

    @property
    def model_id(self) -> str:
        """Name of the model."""

    @property
    def grid(self) -> SceneGrid:
        """What it predicts."""

    @property
    def label_set(self) -> LabelSet:
        """Meaning of the labels."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The sensors that it reads, of "stereo" and "lidar"."""


class Network(Protocol):
    """What the node asks of any network."""

    @property
    def metadata(self) -> Metadata:
        """What the checkpoint says of itself."""

    @property
    def backend(self) -> str:
        """What runs the network."""

    def warm_up(self) -> None:
        """Make the first frame as fast as the others."""


class Completer(Network, Protocol):
    """What the node asks of `ssc_ros.inference.SceneCompleter`."""

    past_frames: int

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds per stage of the last call."""

    @property
    def history(self) -> History:
        """Which past frames the network reads, if any; it needs ego poses for them."""

    @property
    def reads_classes(self) -> bool:
        """Whether it wants points with their classes."""

    @property
    def needs_classes(self) -> bool:
        """Whether it cannot do without them."""

    @property
    def reads_class_maps(self) -> bool:
        """Whether it can use a class map of the left image."""

    def forget(self) -> None:
        """Forget all past frames."""

    def complete(self, frame: Frame, *, confidence: bool = True) -> SemanticGrid:
        """Predict the scene around a frame, and how sure that is."""


class Follower(Protocol):
    """What works on completed grids: a map.

    Attributes:
        skipped: grids that were not completed because nobody wants them.
    """

    skipped: int

    @property
    def wanted(self) -> bool:
        """Whether anybody listens to what it makes of the grids."""

    def take(self, grid: SemanticGrid, T_world_grid: NDArray[np.float64] | None) -> None:
        """Accept a grid and its ego pose, if that is known; returns at once."""


class Labels(Protocol):
    """What a segmenter says."""

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(M,) train ids, 0 unlabelled."""


class Segmenter(Network, Protocol):
    """What the node asks of `ssc_ros.inference.segmenter.PointSegmenter`."""

    def segment(self, points: NDArray[np.float32]) -> Labels:
        """Classes of points (M, 4): x, y, z [m] in the grid frame and intensity 0..1."""


@dataclass(frozen=True)
class Networks:
    """The networks of a node; at least one.

    Attributes:
        completers: the completion network, once for each frame that is completed at the same time.
        segmenter: gives classes to points, or None.
    """

    completers: Sequence[Completer]
    segmenter: Segmenter | None

    @property
    def leading(self) -> Network:
        """The network whose grid and classes are the node's."""
        leading: Network | None = self.completers[0] if self.completers else self.segmenter
        assert leading is not None
        return leading
