"""Label sets: names, colours, raw <-> train ids, voxel frequencies. Class 0 is empty, 255 unknown, everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core.errors import SscError

_Id = TypeVar("_Id", bound=np.integer)

EMPTY = 0
UNKNOWN = 255

GROUND_CLASSES = ("road", "parking", "sidewalk", "other-ground", "terrain")
"""Classes of what a vehicle could stand on. Both label sets have all five; lane markings are road in both."""


@dataclass(frozen=True)
class LabelSet:
    """What the train ids of a grid mean.

    Attributes:
        name: identifier carried by messages and checkpoints.
        names: class name per train id; index 0 is "empty".
        palette: RGB colour per train id.
        raw_ids: the raw id written for each train id (the submission map).
        train_ids: raw id -> train id; raw ids that the task ignores are mapped to 0 here.
        frequencies: voxel count per train id in the training split, for class weights.
        point_shares: share of each train id among the LiDAR points of the training split; () where nobody counted.
    """

    name: str
    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    raw_ids: tuple[int, ...]
    train_ids: dict[int, int]
    frequencies: tuple[float, ...]
    point_shares: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ground_ids(self) -> tuple[int, ...]:
        """Train ids of the ground classes that this label set has."""
        return tuple(train for train, name in enumerate(self.names) if name in GROUND_CLASSES)

    @cached_property
    def _point_table(self) -> NDArray[np.uint8]:
        table = np.full(1 << 16, UNKNOWN, np.uint8)
        for raw, train in self.train_ids.items():
            table[raw] = train
        return table

    @cached_property
    def _voxel_table(self) -> NDArray[np.uint8]:
        table = np.where(self._point_table == EMPTY, np.uint8(UNKNOWN), self._point_table)
        table[0] = EMPTY
        return table

    def train_from_raw_points(self, raw: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Train ids of point labels: the segmentation task, in which 0 is "unlabelled" and ignored.

        The upper 16 bits of a SemanticKITTI point label hold the instance and are dropped.

        Raises:
            SscError: a raw id that the label set does not know.
        """
        return self._lookup(self._point_table, raw)

    def train_from_raw_voxels(self, raw: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Train ids of voxel labels: the completion task, in which raw 0 is empty.

        Every other raw id that the task ignores (outlier, other-structure, other-object) becomes unknown, as the
        official evaluation has it (semantic-kitti-api, evaluate_completion.py).

        Raises:
            SscError: a raw id that the label set does not know.
        """
        return self._lookup(self._voxel_table, raw)

    def _lookup(self, table: NDArray[np.uint8], raw: NDArray[np.integer]) -> NDArray[np.uint8]:
        semantic = np.asarray(raw).astype(np.uint32) & 0xFFFF
        train: NDArray[np.uint8] = table[semantic]
        if (train == UNKNOWN).any():
            unknown = sorted(set(np.unique(semantic[train == UNKNOWN]).tolist()) - self.train_ids.keys())
            if unknown:
                raise SscError(f"raw label ids {unknown} are not in the label set '{self.name}'; is it the right one?")
        return train

    def raw_from_train(self, train: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """Raw ids of train ids, as the submission format wants them; unknown becomes 0.

        Raises:
            SscError: a train id above the last class that is not `UNKNOWN`.
        """
        table = np.zeros(256, np.uint16)
        table[: len(self)] = self.raw_ids
        train = np.asarray(train)
        if ((train >= len(self)) & (train != UNKNOWN)).any():
            raise SscError(f"train ids up to {train.max()} do not fit '{self.name}' with {len(self)} classes")
        return table[train]

    def colors(self, train: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGB of train ids (...), as (..., 3) uint8; unknown is grey."""
        table = np.full((256, 3), 128, np.uint8)
        table[: len(self)] = self.palette
        return table[train]

    @property
    def class_weights(self) -> NDArray[np.float32]:
        """1 / ln(frequency + 0.001) per class (Roldao et al. 2020, MonoScene), as (C,) float32."""
        return np.asarray(1.0 / np.log(np.asarray(self.frequencies) + 0.001), np.float32)


_MOVING = {252: 10, 253: 31, 254: 30, 255: 32, 256: 16, 257: 13, 258: 18, 259: 20}

_COLORS = {
    "empty": (0, 0, 0), "car": (100, 150, 245), "bicycle": (100, 230, 245), "motorcycle": (30, 60, 150),
    "truck": (80, 30, 180), "other-vehicle": (0, 0, 255), "person": (255, 30, 30), "bicyclist": (255, 40, 200),
    "motorcyclist": (150, 30, 90), "road": (255, 0, 255), "parking": (255, 150, 255), "sidewalk": (75, 0, 75),
    "other-ground": (175, 0, 75), "building": (255, 200, 0), "fence": (255, 120, 50), "vegetation": (0, 175, 0),
    "trunk": (135, 60, 0), "terrain": (150, 240, 80), "pole": (255, 240, 150), "traffic-sign": (255, 0, 0),
    "other-structure": (255, 150, 0), "other-object": (50, 255, 255),
}  # fmt: skip


def _label_set(
    name: str,
    raw_ids: dict[str, int],
    merged: dict[int, int],
    frequencies: tuple[float, ...],
    point_shares: tuple[float, ...] = (),
) -> LabelSet:
    """A label set from one raw id per class, and the raw ids `merged` into another raw id (0: ignored)."""
    names = tuple(raw_ids)
    train_ids = {raw: train for train, raw in enumerate(raw_ids.values())}
    train_ids |= {raw: train_ids[into] for raw, into in merged.items()}
    train_ids |= {moving: train_ids[still] for moving, still in _MOVING.items()}
    colors = tuple(_COLORS[n] for n in names)
    return LabelSet(name, names, colors, tuple(raw_ids.values()), train_ids, frequencies, point_shares)


SEMANTIC_KITTI = _label_set(
    "semantic_kitti",
    {
        "empty": 0, "car": 10, "bicycle": 11, "motorcycle": 15, "truck": 18, "other-vehicle": 20, "person": 30,
        "bicyclist": 31, "motorcyclist": 32, "road": 40, "parking": 44, "sidewalk": 48, "other-ground": 49,
        "building": 50, "fence": 51, "vegetation": 70, "trunk": 71, "terrain": 72, "pole": 80, "traffic-sign": 81,
    },
    merged={1: 0, 13: 20, 16: 20, 52: 0, 60: 40, 99: 0},
    frequencies=(
        5.41773033e9, 1.57835390e7, 1.25136e5, 1.18809e5, 6.46799e5, 8.21951e5, 2.62978e5, 2.83696e5, 2.04750e5,
        6.16887030e7, 4.50296100e6, 4.48836500e7, 2.26992300e6, 5.68402180e7, 1.57196520e7, 1.58442623e8, 2.06162300e6,
        3.69705220e7, 1.15198800e6, 3.34146e5,
    ),
    point_shares=(
        0.0315, 0.04261, 0.0001661, 0.0003984, 0.002165, 0.001807, 0.0003376, 0.0001271, 3.746e-05, 0.1988, 0.01472,
        0.1439, 0.003905, 0.1327, 0.07236, 0.2668, 0.006035, 0.07814, 0.002855, 0.0006156,
    ),
)  # fmt: skip
"""The 20 classes and point shares of SemanticKITTI (semantic-kitti.yaml); frequencies as MonoScene counted them."""

SSCBENCH_KITTI_360 = _label_set(
    "sscbench_kitti_360",
    {
        "empty": 0, "car": 10, "bicycle": 11, "motorcycle": 15, "truck": 18, "other-vehicle": 20, "person": 30,
        "road": 40, "parking": 44, "sidewalk": 48, "other-ground": 49, "building": 50, "fence": 51, "vegetation": 70,
        "terrain": 72, "pole": 80, "traffic-sign": 81, "other-structure": 52, "other-object": 99,
    },
    merged={1: 0, 13: 20, 16: 20, 31: 0, 32: 0, 60: 40, 71: 0},
    frequencies=(
        2264087502, 20098728, 104972, 96297, 1149426, 4051087, 125103, 105540713, 16292249, 45297267, 14454132,
        110397082, 6766219, 295883213, 50037503, 1561069, 406330, 30516166, 1950115,
    ),
)  # fmt: skip
"""The 19 classes of SSCBench-KITTI-360 (sscbench_kitti360.yaml)."""

LABEL_SETS = {s.name: s for s in (SEMANTIC_KITTI, SSCBENCH_KITTI_360)}


def labels_at(labels: NDArray[_Id], size: tuple[int, int]) -> NDArray[_Id]:
    """Labels (H, W) of an image's pixels in another size (height, width): in each cell the label of its middle."""
    rows, columns = (((np.arange(n) + 0.5) * was / n).astype(int) for n, was in zip(size, labels.shape, strict=True))
    found: NDArray[_Id] = labels[rows[:, None], columns]
    return found
