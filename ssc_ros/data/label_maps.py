"""What the ids of somebody else's class maps mean: tables from ids to class names, in YAML files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ssc_ros.core import LABEL_SETS, UNKNOWN, LabelSet, SscError
from ssc_ros.core.resources import share_directory

CLASSES = frozenset(name for label_set in LABEL_SETS.values() for name in label_set.names[1:])
"""Class names that a label may have."""

MAX_ID = (1 << 16) - 1
VOID = (255, MAX_ID)
"""Ids that mean "unknown" where a file gives them no other meaning."""


@dataclass(frozen=True)
class LabelMap:
    """Ids of a class map -> class names.

    Attributes:
        name: for people: of the shipped file, or the path of another one.
        classes: class name of each id, None where no class of ours fits.
    """

    name: str
    classes: dict[int, str | None]

    @property
    def digest(self) -> str:
        """Hexadecimal digest of the table, whatever its file is called."""
        return hashlib.sha256(json.dumps(sorted(self.classes.items())).encode()).hexdigest()[:16]

    def train_ids(self, ids: NDArray[np.integer], label_set: LabelSet) -> NDArray[np.uint8]:
        """Train ids of ids 0..65535 of any shape; 255 where they have no class in the label set.

        Raises:
            SscError: ids that the table does not list; the text names them.
        """
        table = np.full(MAX_ID + 1, UNKNOWN, np.uint8)
        for label, name in self.classes.items():
            if name in label_set.names:
                table[label] = label_set.names.index(name)
        listed = np.zeros(MAX_ID + 1, bool)
        listed[[*self.classes, *VOID]] = True
        if not listed[ids].all():
            foreign = np.unique(ids[~listed[ids]]).tolist()
            more = f" and {len(foreign) - 8} more" if len(foreign) > 8 else ""
            raise SscError(
                f"label map {self.name} has no ids {', '.join(map(str, foreign[:8]))}{more}; is it that of the network "
                "which made the class map?"
            )
        train: NDArray[np.uint8] = table[ids]
        return train


def shipped_label_maps() -> dict[str, Path]:
    """The shipped files by their names, such as "cityscapes"."""
    return {path.stem: path for path in sorted((share_directory() / "config" / "labels").glob("*.yaml"))}


def read_label_map(name: str) -> LabelMap:
    """Read a label map.

    Args:
        name: of a shipped one, or the path of a file such as config/labels/cityscapes.yaml.

    Raises:
        SscError: there is neither, or the file has a wrong key, an id twice, or a class that no label set has.
    """
    shipped = shipped_label_maps()
    path = shipped.get(name) or Path(name).expanduser()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SscError(
            f"there is no label map {name}; expected one of {', '.join(shipped)}, or a YAML file like them"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SscError(f"cannot read the label map {path}: {error}") from error
    rows = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise SscError(f"{path} has no list 'labels'; config/labels/cityscapes.yaml is an example")
    classes: dict[int, str | None] = {}
    for number, row in enumerate(rows, 1):
        label, class_name = _label(row, f"{path}: label {number}")
        if label in classes:
            raise SscError(f"{path}: label {number} has the id {label}, which an earlier one has already")
        classes[label] = class_name
    return LabelMap(name, classes)


def _label(row: Any, where: str) -> tuple[int, str | None]:
    """Id and class of a row."""
    if not isinstance(row, dict) or not {"id"} <= row.keys() <= {"id", "name", "class"}:
        raise SscError(f"{where} is {row!r}, expected id, and perhaps name and class")
    label, class_name = row["id"], row.get("class")
    if type(label) is not int or not 0 <= label <= MAX_ID:
        raise SscError(f"{where} has the id {label!r}, expected a whole number from 0 to {MAX_ID}")
    if class_name is not None and class_name not in CLASSES:
        raise SscError(f"{where} has the class {class_name!r}, expected none or one of {', '.join(sorted(CLASSES))}")
    return label, class_name
