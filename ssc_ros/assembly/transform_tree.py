"""The tree of frames that /tf_static and /tf describe, small: without waiting, extrapolation or other fixed frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.odometry import PoseBuffer
from ssc_ros.core import SscError, poses
from ssc_ros.messages.poses import read_transform
from ssc_ros.messages.stamps import header_stamp

Matrix = NDArray[np.float64]

LONGEST_GAP = 10_000_000_000
"""Between two transforms of one frame that are interpolated [ns]: tf2 keeps as much."""


@dataclass
class _Edge:
    """Where a frame is in its parent: at rest, or at the stamps of the last seconds."""

    parent: str
    static: Matrix | None
    moving: PoseBuffer = field(default_factory=PoseBuffer)

    @property
    def newest(self) -> int | None:
        """Newest stamp [ns]; None at rest."""
        return None if self.static is not None else self.moving.newest

    def at(self, stamp: int) -> Matrix:
        """`T_parent_child` (4, 4) at a stamp [ns]."""
        found = self.static if self.static is not None else self.moving.at(stamp, LONGEST_GAP)
        if found is None:
            raise LookupError(f"the transforms below '{self.parent}' have no common time")
        return found


class TransformTree:
    """A `TransformSource`: what some tf2_msgs TFMessages say, whose newest transforms may still come."""

    def __init__(self, static: Iterable[Any] = (), name: str = "/tf_static of the bag") -> None:
        """Take the messages of /tf_static that are there already.

        Args:
            static: tf2_msgs TFMessages.
            name: of the tree, for people.
        """
        self.name = name
        self._edges: dict[str, _Edge] = {}
        self._unusable: dict[str, str] = {}
        self._lock = Lock()
        for message in static:
            self.take_static(message)

    def take_static(self, message: Any) -> None:
        """Take a TFMessage of /tf_static; a later transform of the same child frame replaces an earlier one."""
        for child, parent, _, transform in self._read(message):
            with self._lock:
                self._edges[child] = _Edge(parent, transform)

    def take(self, message: Any) -> None:
        """Take a TFMessage of /tf."""
        for child, parent, stamp, transform in self._read(message):
            with self._lock:
                edge = self._edges.get(child)
                if edge is None or edge.static is not None or edge.parent != parent:
                    edge = self._edges[child] = _Edge(parent, None)
                edge.moving.add(stamp, transform)

    def require_usable(self) -> None:
        """Make sure that all transforms so far are rigid.

        Raises:
            SscError: one of them is not.
        """
        for text in self._unusable.values():
            raise SscError(text)

    @property
    def frames(self) -> list[str]:
        """Names of all frames."""
        with self._lock:
            return sorted(self._edges.keys() | {edge.parent for edge in self._edges.values()})

    def lookup(self, target: str, source: str) -> Matrix:
        """`T_target_source` (4, 4); see `newest`."""
        return self.newest(target, source)[1]

    def newest(self, target: str, source: str) -> tuple[int, Matrix]:
        """The transform at the newest stamp at which all that lies between the two frames is known.

        Returns:
            The stamp [ns], 0 if nothing between them moves, and `T_target_source` (4, 4).

        Raises:
            LookupError: the two frames are not connected, or have been at no time.
        """
        with self._lock:
            from_source, from_target = self._ancestry(source), self._ancestry(target)
            common = next((frame for frame in from_source if frame in from_target), None)
            if common is not None:
                up, down = (self._below(common, line) for line in (from_source, from_target))
                stamp = min((edge.newest for edge in (*up, *down) if edge.newest is not None), default=0)
                return stamp, poses.inverse(_chain(down, stamp)) @ _chain(up, stamp)
        said = "".join(f"; {text}" for text in self._unusable.values())
        raise LookupError(
            f"{self.name} does not connect '{source}' with '{target}'; its frames are "
            f"{', '.join(self.frames) or 'none'}{said}"
        )

    def _read(self, message: Any) -> Iterable[tuple[str, str, int, Matrix]]:
        """Yield child, parent, stamp [ns] and transform of what can be used in a message."""
        for stamped in message.transforms:
            parent, child = stamped.header.frame_id, stamped.child_frame_id
            try:
                transform = read_transform(stamped.transform)
            except SscError as error:
                self._unusable[child] = f"the transform of '{child}' in '{parent}' cannot be used: {error}"
            else:
                self._unusable.pop(child, None)
                yield child, parent, header_stamp(stamped), transform

    def _ancestry(self, frame: str) -> list[str]:
        """The frame, its parent, and so on to the root."""
        line = [frame]
        while line[-1] in self._edges:
            line.append(self._edges[line[-1]].parent)
            if line[-1] in line[:-1]:
                raise LookupError(f"{self.name} runs in a circle through '{line[-1]}'")
        return line

    def _below(self, common: str, line: Sequence[str]) -> list[_Edge]:
        """The edges from the first frame of a line up to a common ancestor."""
        return [self._edges[frame] for frame in line[: line.index(common)]]


def _chain(edges: Sequence[_Edge], stamp: int) -> Matrix:
    """`T_ancestor_frame` (4, 4) of the edges that lead up from a frame."""
    return reduce(lambda total, edge: edge.at(stamp) @ total, edges, np.eye(4))
