"""The frames of a bag under names, as files have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ssc_ros.assembly.bag_frames import BagFrames
from ssc_ros.core import Frame
from ssc_ros.data.grid_files import stamp_name


class NamedBagFrames:
    """The frames of a bag; the name of a frame is its stamp.

    Attributes:
        count: how many left images there are; some may be without a partner.
    """

    def __init__(self, bag_frames: BagFrames, count: int) -> None:
        self.count = count
        self._bag_frames = bag_frames

    def frames(self, wanted: Callable[[str], bool]) -> Iterator[tuple[str, Frame]]:
        """Assemble the frames whose names are wanted."""
        for frame in self._bag_frames.frames(lambda stamp: wanted(stamp_name(stamp))):
            yield stamp_name(frame.stamp), frame
