"""Parameter files, looked at before ROS reads them: it says nothing of other nodes' files, and is slow with long lists.

A YAML list of 200,000 numbers keeps ROS's reader busy for 40 s, in which no signal is heeded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from ssc_ros.core import SscError

LARGEST = 1 << 18
"""Size [bytes]; that of a whole robot has some ten thousand."""
LONGEST = 4096
"""Elements of a list."""
DEEPEST = 64

PARAMETERS = "ros__parameters"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml


@dataclass
class _Collection:
    """A mapping or a list that is being read."""

    is_mapping: bool
    count: int = 0
    key: str = ""
    """Of the mapping, whose value comes next."""

    @property
    def awaits_key(self) -> bool:
        return self.is_mapping and self.count % 2 == 0


def parameter_files(ros_args: Sequence[str]) -> list[Path]:
    """Return the files that a command line names, given what may follow `--ros-args`."""
    return [Path(file) for option, file in pairwise(ros_args) if option == "--params-file"]


def read_sections(path: Path) -> list[str]:
    """Return for which nodes a file has parameters, such as "ssc_node", "/front/ssc_node" or "/**".

    Raises:
        SscError: the file cannot be read, or is none that ROS reads in time.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SscError(f"cannot read the parameter file {path}: {error.strerror}") from error
    if len(content) > LARGEST:
        raise SscError(f"the parameter file {path} has more than {LARGEST} bytes, so it is none")
    try:
        return list(_sections(path, content))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise SscError(f"the parameter file {path} is no YAML: {error}") from error


def applies(section: str, node: str) -> bool:
    """Return whether the parameters of a section are those of a node, given its name with namespace.

    `*` stands for one part of the name, `**` for any number of them, as in rcl.
    """
    pattern = re.escape("/" + section.strip("/"))
    pattern = pattern.replace(r"/\*\*", r"(/\w+)*").replace(r"\*", r"\w+")
    return re.fullmatch(pattern, node) is not None


def complaint(path: Path, node: str) -> str:
    """Say so if a file has no parameters for a node, given its name with namespace; empty if it has some.

    Raises:
        SscError: see `read_sections`.
    """
    sections = read_sections(path)
    if any(applies(section, node) for section in sections):
        return ""
    known = f"only of {', '.join(sections[:5])}" if sections else f"nor of any node: '{PARAMETERS}:' is missing"
    return f"the parameter file {path} has no parameters of {node}, {known}; name the node, or '/**', in its first line"


def _sections(path: Path, content: bytes) -> Iterator[str]:
    """Read YAML without building what it describes."""
    stack: list[_Collection] = []
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        inside = stack[-1] if stack else None
        if inside is not None:
            if inside.awaits_key:
                inside.key = event.value if isinstance(event, yaml.ScalarEvent) else ""
                if inside.key == PARAMETERS:
                    yield "/".join(level.key.strip("/") for level in stack[:-1])
            inside.count += 1
            if inside.count > LONGEST:
                raise SscError(f"the parameter file {path} has a list of more than {LONGEST} elements; shorten it")
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(_Collection(isinstance(event, yaml.MappingStartEvent)))
        if len(stack) > DEEPEST:
            raise SscError(f"the parameter file {path} is nested more than {DEEPEST} deep")
