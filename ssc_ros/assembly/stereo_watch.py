"""Whether the images agree with calibration and extrinsics while the node runs: one frame now and then tells."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from ssc_ros.core import GRID_HEIGHT, Frame
from ssc_ros.inference.mount import Mount, combine_mounts, estimate_mount, explain_disagreement, mount_of
from ssc_ros.inference.pair_check import PairFindings, combine_findings, examine_pair
from ssc_ros.inference.stereo import StereoMatcher

ENOUGH_PAIRS, ENOUGH_MOUNTS = 3, 5
"""Looks after which the pair, and the mount, are judged by the median."""

QUIET = 60.0
"""Shortest time between two warnings of the same kind [s]."""

NICENESS = 10
"""Of the thread that looks: frames go first."""


class StereoWatch:
    """Looks at a frame in each period, in whatever thread calls `look`, and warns of what stays wrong.

    Attributes:
        complaint: what is wrong and what to do; empty if nothing is known to be.
        pair, mount: medians of the last looks; None before the first.
        given: the mount that the extrinsics describe; None before the first look.
    """

    def __init__(
        self,
        warn: Callable[[str], None],
        matcher: StereoMatcher | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wait for a period.

        Args:
            warn: logs a sentence.
            matcher: finds disparities; None: at half size.
            clock: [s].
        """
        self._warn = warn
        self._matcher = matcher or StereoMatcher(scale=0.5)
        self._clock = clock
        self._rng = np.random.default_rng(0)
        self._warned = -np.inf
        self._niced: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after activation."""
        self._last = self._clock()
        self._pairs: deque[PairFindings] = deque(maxlen=ENOUGH_MOUNTS)
        self._mounts: deque[Mount] = deque(maxlen=3 * ENOUGH_MOUNTS)
        self.complaint = ""
        self.pair: PairFindings | None = None
        self.mount: Mount | None = None
        self.given: Mount | None = None

    def due(self, period: float) -> bool:
        """Whether to look at the next frame now: once in each period [s]; 0: never."""
        if period == 0 or self._clock() - self._last < period:
            return False
        self._last = self._clock()
        return True

    def look(self, frame: Frame) -> None:
        """Look at a frame. Whatever goes wrong costs this look only."""
        self._go_last()
        try:
            self._look(frame)
        except Exception as error:
            self._tell(f"the stereo pair cannot be checked: {type(error).__name__}: {error}")

    def _look(self, frame: Frame) -> None:
        disparity = self._matcher.disparity(frame.left, frame.right)
        self._pairs.append(examine_pair(frame.left, frame.right, self._matcher, disparity))
        self.pair = combine_findings(self._pairs)
        complaints = list(self.pair.complaints()) if self.pair and len(self._pairs) >= ENOUGH_PAIRS else []
        self.given = mount_of(frame.rig.T_grid_camera, -GRID_HEIGHT)
        mount = estimate_mount(disparity, frame.rig, self._rng)
        if mount is not None:
            self._mounts.append(mount)
        self.mount = combine_mounts(self._mounts)
        if self.mount is not None and self.mount.frames >= ENOUGH_MOUNTS and not complaints:
            complaints.append(explain_disagreement(self.mount, self.given))
        self.complaint = "; ".join(filter(None, complaints))
        if self.complaint:
            self._tell(self.complaint)

    def _tell(self, text: str) -> None:
        now = self._clock()
        if now - self._warned >= QUIET:
            self._warned = now
            self._warn(text)

    def _go_last(self) -> None:
        """Lower the priority of the calling thread, where the system allows it (Linux: of this thread alone)."""
        thread = threading.get_native_id()
        if thread in self._niced or thread == os.getpid():  # the main thread is not ours
            return
        self._niced.add(thread)
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, thread, NICENESS)
