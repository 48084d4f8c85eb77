"""What was measured, as a JSON file that says of which kind it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

Kind = TypeVar("Kind", bound="Document")


@dataclass(frozen=True)
class Document:
    """Base of what is written.

    Fields are numbers, texts and dataclasses of them, and mappings from texts and sequences of all these.

    Attributes:
        FORMAT: name and version of the kind.
        machine: what measured, see `ssc_ros.profiling.machine`.
        provenance: with which code and when, see `ssc_ros.evaluation.results`.
    """

    FORMAT: ClassVar[str]
    machine: Mapping[str, str] = field(kw_only=True)
    provenance: Mapping[str, str | None] = field(kw_only=True, default_factory=dict)

    @property
    def where(self) -> str:
        """The machine and its load, for people."""
        return "{cpu}, {cores} cores, load {load}; {software}".format(**self.machine)

    def to_json(self) -> str:
        """The file; times in milliseconds, memory in megabytes."""
        return json.dumps({"format": self.FORMAT, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls: type[Kind], text: str) -> Kind:
        """Parse what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is not such a text.
        """
        content = json.loads(text)
        if content.pop("format") != cls.FORMAT:
            raise ValueError(f"not of the format {cls.FORMAT}")
        parsed: Kind = _parsed(cls, content)
        return parsed


def _parsed(kind: Any, content: Any) -> Any:
    """Make a field of its type of what JSON has left of it."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _parsed(hints[name], value) for name, value in content.items()})
    if get_origin(kind) is Mapping:
        return {key: _parsed(get_args(kind)[1], value) for key, value in content.items()}
    if get_origin(kind) is Sequence:
        return [_parsed(get_args(kind)[0], value) for value in content]
    return content
