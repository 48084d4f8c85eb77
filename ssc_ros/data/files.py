"""The plain files that driving data sets are made of: images, matrices, tables, records; with errors that name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError

_Number = TypeVar("_Number", bound=np.number)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image as (H, W, 3) uint8 RGB.

    Raises:
        SscError: the file is missing or no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SscError(f"cannot read the image {path}: it is {'damaged' if path.exists() else 'not there'}")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_rows(path: Path, columns: int, rows: Sequence[int]) -> NDArray[np.float64]:
    """Read rows of a table of numbers.

    Args:
        path: a text file, one row a line.
        columns: numbers in each row.
        rows: which rows, from 0.

    Returns:
        (len(rows), columns) float64.

    Raises:
        SscError: no table, another number of columns, or too few rows.
    """
    try:
        table = np.loadtxt(path, np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise SscError(f"{path} is no table of numbers: {error}") from error
    if table.shape[1] != columns or len(table) <= max(rows):
        raise SscError(
            f"{path} has {len(table)} rows of {table.shape[1]} numbers; expected {columns} in each, and a row for "
            f"frame {max(rows):06d}"
        )
    return np.asarray(table[list(rows)])


def read_records(path: Path, kind: type[_Number], columns: int) -> NDArray[_Number]:
    """Read binary records of `columns` numbers, as (N, columns).

    Raises:
        SscError: the file cannot be read or ends within a record.
    """
    try:
        numbers = np.fromfile(path, kind)
    except OSError as error:
        raise SscError(f"cannot read {path}: {error.strerror}") from error
    record = columns * numbers.itemsize
    if path.stat().st_size % record:
        raise SscError(f"{path} has {path.stat().st_size} bytes, no multiple of {record}; is it cut short?")
    return numbers.reshape(-1, columns)


def stems(folder: Path, suffix: str) -> tuple[str, ...]:
    """Names without suffix of the numbered files in a folder, sorted; none where there is no such folder."""
    return tuple(sorted(file.stem for file in folder.glob(f"[0-9]*{suffix}")))


def require_all(missing: Sequence[str], root: Path, shown: int = 12) -> None:
    """Name the missing files in one error.

    Raises:
        SscError: there are any.
    """
    if missing:
        more = f" and {len(missing) - shown} more" if len(missing) > shown else ""
        raise SscError(f"{len(missing)} missing under {root}: {', '.join(missing[:shown])}{more}; see docs/data.md")
