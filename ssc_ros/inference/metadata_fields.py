"""The JSON text in a checkpoint's header, read field by field: what has another type is named by its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MetadataFields:
    """A JSON object whose values are asked for by key and type.

    Attributes:
        values: the object.
        inside: name of the object itself with a dot behind it, such as "grid."; empty for the outermost one.
    """

    values: dict[str, Any]
    inside: str = ""

    @staticmethod
    def parse(text: str) -> MetadataFields:
        """Read a text.

        Raises:
            ValueError: it is no JSON, no object, or nested too deeply.
        """
        try:
            return MetadataFields(_object(json.loads(text), "the text"))
        except RecursionError as error:
            raise ValueError("the text is nested too deeply") from error

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def require_no_others(self, known: set[str]) -> None:
        """Make sure that every key is known.

        Raises:
            ValueError: another version of the package has written more.
        """
        if others := sorted(self.values.keys() - known):
            raise ValueError(f"'{self.inside}{others[0]}' is no known key")

    def text(self, key: str) -> str:
        """A string.

        Raises:
            ValueError: it is missing or something else; so do the other methods.
        """
        value = self._get(key)
        if not isinstance(value, str):
            raise self._wrong(key, value, "a string")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        return self._number(key, self._get(key))

    def numbers(self, key: str, count: int) -> tuple[float, ...]:
        """A list of so many finite numbers."""
        values = self._list(key)
        if len(values) != count:
            raise self._wrong(key, values, f"a list of {count} numbers")
        return tuple(self._number(key, value) for value in values)

    def counts(self, key: str) -> tuple[int, int, int]:
        """A list of three whole numbers, each from 1 to 100,000."""
        values = self._list(key)
        whole = all(type(value) is int and 1 <= value <= 100_000 for value in values)
        if len(values) != 3 or not whole:
            raise self._wrong(key, values, "a list of three whole numbers from 1 to 100000")
        x, y, z = values
        return x, y, z

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(key)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, values, "a list of strings")
        return tuple(values)

    def fields(self, key: str) -> MetadataFields:
        """An object; an empty one where the key is missing."""
        name = f"{self.inside}{key}"
        return MetadataFields(_object(self.values.get(key, {}), f"'{name}'"), f"{name}.")

    def _get(self, key: str) -> Any:
        if key not in self.values:
            raise ValueError(f"'{self.inside}{key}' is missing")
        return self.values[key]

    def _list(self, key: str) -> list[Any]:
        value = self._get(key)
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return value

    def _number(self, key: str, value: Any) -> float:
        # an int of any length is JSON, too, which float() cannot take; NaN fails every comparison
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and abs(value) < 1e300):
            raise self._wrong(key, value, "a finite number")
        return float(value)

    def _wrong(self, key: str, value: object, expected: str) -> ValueError:
        return ValueError(f"'{self.inside}{key}' is {_shortened(value)}, expected {expected}")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {_shortened(value)}, expected an object")
    return value


def _shortened(value: object) -> str:
    if isinstance(value, list | dict):  # its text may be endless, or nested too deeply to be written
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**20:
        return "a very large number"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
