"""The static transforms of a bag, as the node's assembler asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import SscError, poses
from ssc_ros.messages.poses import read_transform


class StaticTransforms:
    """A `TransformSource`: the tree of frames of some tf2_msgs TFMessages."""

    name = "/tf_static of the bag"

    def __init__(self, messages: Iterable[Any]) -> None:
        """Collect transforms; a later one of the same child frame replaces an earlier one.

        Raises:
            SscError: one of them is no rigid transform.
        """
        self._parent: dict[str, tuple[str, NDArray[np.float64]]] = {}
        for message in messages:
            for stamped in message.transforms:
                parent, child = stamped.header.frame_id, stamped.child_frame_id
                try:
                    self._parent[child] = parent, read_transform(stamped.transform)
                except SscError as error:
                    raise SscError(f"the transform of '{child}' in '{parent}' cannot be used: {error}") from error

    @property
    def frames(self) -> list[str]:
        """Names of all frames."""
        return sorted(self._parent.keys() | {parent for parent, _ in self._parent.values()})

    def lookup(self, target: str, source: str) -> NDArray[np.float64]:
        """`T_target_source` (4, 4).

        Raises:
            LookupError: the two frames are not connected.
        """
        target_root, T_root_target = self._from_root(target)
        source_root, T_root_source = self._from_root(source)
        if target_root != source_root:
            raise LookupError(
                f"/tf_static does not connect '{source}' with '{target}'; its frames are "
                f"{', '.join(self.frames) or 'none'}"
            )
        return poses.inverse(T_root_target) @ T_root_source

    def _from_root(self, frame: str) -> tuple[str, NDArray[np.float64]]:
        T_root_frame = np.eye(4)
        visited = {frame}
        while frame in self._parent:
            frame, T_parent_frame = self._parent[frame]
            T_root_frame = T_parent_frame @ T_root_frame
            if frame in visited:
                raise LookupError(f"/tf_static runs in a circle through '{frame}'")
            visited.add(frame)
        return frame, T_root_frame
