"""The publisher: one frame again and again, stamped by the machine's clock.

python -m ssc_ros.profiling.ros.publisher FRAME --hz 10 --count 600
"""

from __future__ import annotations

import argparse
import pickle
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from ssc_ros.core import SEMANTIC_KITTI_GRID, Frame
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.stamps import SECOND
from ssc_ros.messages.topics import RIGHT_CAMERA_FRAME, TOPICS
from ssc_ros.messages.typestore import load_typestore
from ssc_ros.profiling.ros.said import SENT, say
from ssc_ros.ros.replay.play import play
from ssc_ros.ros.replay.replay import ReplaySettings

WAIT = 300.0
"""For the node, which may have a large network to load [s]."""
QUIET_CLOCK = 1.0
"""Of /clock, to which no process listens here [Hz]."""


class FrameSource:
    """A `MessageSource` of one frame, whose stamps begin at the moment at which the first is asked for.

    Attributes:
        sent: for each frame its stamp, and when its last message had been handed over [ns].
    """

    def __init__(self, frame: Frame, hz: float, count: int, clock: Callable[[], int] = time.time_ns) -> None:
        """Encode the frame.

        Args:
            frame: a robot that stands still sees it, with points or without.
            hz: frames per second.
            count: of frames.
            clock: [ns].
        """
        self.sent: list[tuple[int, int]] = []
        self._period = round(SECOND / hz)
        self._count = count
        self._clock = clock
        self._templates = _templates(frame)
        self.types: Mapping[str, str] = {topic: kind for topic, kind, _ in self._templates}

    def records(self, offset: float = 0.0) -> Iterator[Record]:
        """See `MessageSource`."""
        start = self._clock()
        for number in range(round(offset * SECOND / self._period), self._count):
            stamp = start + number * self._period
            header = struct.pack("<iI", *divmod(stamp, SECOND))
            for topic, kind, data in self._templates:
                # CDR: four bytes of encapsulation, then the header's stamp
                yield Record(stamp, topic, kind, data[:4] + header + data[12:])
            self.sent.append((stamp, self._clock()))


def _templates(frame: Frame) -> list[tuple[str, str, bytes]]:
    """Topic, type and serialised message; the images come last, so that with them the frame is complete."""
    encoder, sensor = MessageEncoder(load_typestore()), SEMANTIC_KITTI_GRID.frame_id
    infos = encoder.camera_infos(0, frame.rig)
    points = [] if frame.points is None else [(TOPICS.points, *encoder.point_cloud(0, frame.points, sensor))]
    return [
        (TOPICS.left_info, *infos[0]),
        (TOPICS.right_info, *infos[1]),
        (TOPICS.odometry, *encoder.odometry(0, np.eye(4), sensor)),
        *points,
        (TOPICS.left_image, *encoder.image(0, frame.left)),
        (TOPICS.right_image, *encoder.image(0, frame.right, RIGHT_CAMERA_FRAME)),
    ]


def main() -> None:
    """Send, as soon as an active node listens, and print what was sent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frame", type=Path, help="a pickled Frame")
    parser.add_argument("--hz", type=float, required=True)
    parser.add_argument("--count", type=int, required=True)
    args = parser.parse_args()
    source = FrameSource(pickle.loads(args.frame.read_bytes()), args.hz, args.count)
    play(source, ReplaySettings(wait=WAIT, clock_hz=QUIET_CLOCK), [])
    say(SENT, source.sent)


if __name__ == "__main__":
    main()
