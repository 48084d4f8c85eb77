"""Why an input or a frame was not used: one word each, counted, and explained now and then."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from threading import Lock

from ssc_ros.core import SscError


class Drop(str, Enum):
    """Reason for which something was left out; the value is its name on /diagnostics."""

    # left out by the synchroniser
    UNPAIRED = "unpaired"  # an image whose partner can no longer come
    QUEUE_FULL = "queue_full"  # an image that waited for its partner too long
    DUPLICATE = "duplicate"  # the stamp of the message before it
    TIME_JUMP = "time_jump"  # it waited while time jumped backwards
    PAUSED = "paused"  # it waited when the node was deactivated
    # left out before the network
    FUTURE = "future"
    NO_CALIBRATION = "no_calibration"
    CALIBRATION = "calibration"
    IMAGE = "image"
    IMAGE_SIZE = "image_size"
    ENCODING = "encoding"
    FRAME_ID = "frame_id"
    EXTRINSICS = "extrinsics"
    NO_CLOUD = "no_cloud"  # an image of a pair that needs a cloud, but none came in time
    BAD_CLOUD = "bad_cloud"  # the frame needs its cloud, and that one cannot be used
    BUSY = "busy"  # a newer frame came while the network was still at work
    INFERENCE = "inference"
    # a cloud that was left out; where it is optional, its frame is completed from stereo alone
    CLOUD_UNPAIRED = "cloud_unpaired"  # no stereo pair near its stamp, or it came after its pair had gone ahead
    CLOUD_LATE = "cloud_late"  # a pair went ahead without a cloud although somebody publishes clouds
    CLOUD_EMPTY = "cloud_empty"
    CLOUD_LAYOUT = "cloud_layout"
    CLOUD_FRAME = "cloud_frame"
    CLOUD_SEGMENTATION = "cloud_segmentation"  # the segmentation network failed on it
    # an ego pose that was left out
    POSE = "pose"
    POSE_MISSING = "pose_missing"  # a frame without, of a network that reads past frames: it is completed alone

    @property
    def costs_a_frame(self) -> bool:
        """Whether there is one grid less because of it."""
        return not self.name.startswith(("CLOUD", "POSE"))


class UnusableInput(SscError):
    """An input message that cannot be used; the text says why and what to do.

    Attributes:
        reason: what it is counted as.
    """

    def __init__(self, reason: Drop, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class DropCounter:
    """Counts by reason, from several threads, and explains each reason now and then."""

    def __init__(
        self, warn: Callable[[str], None], quiet: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is counted yet.

        Args:
            warn: logs a sentence.
            quiet: shortest time between two explanations of one reason [s].
            clock: [s].
        """
        self._warn = warn
        self._quiet = quiet
        self._clock = clock
        self._counts: Counter[Drop] = Counter()
        self._texts: dict[Drop, str] = {}
        self._told: dict[Drop, float] = {}
        self._lock = Lock()

    def add(self, reason: Drop, count: int = 1) -> None:
        """Count some more."""
        with self._lock:
            self._counts[reason] += count

    def explain(self, error: UnusableInput) -> None:
        """Count one more, and log the text unless that was done a moment ago."""
        reason, now = error.reason, self._clock()
        with self._lock:
            self._counts[reason] += 1
            count = self._counts[reason]
            self._texts[reason] = str(error)
            tell = now - self._told.get(reason, -math.inf) >= self._quiet
            if tell:
                self._told[reason] = now
        if tell:
            self._warn(f"dropped as '{reason.value}' ({count} so far): {error}")

    def reset(self) -> None:
        """Forget all counts and explanations."""
        with self._lock:
            self._counts.clear()
            self._texts.clear()
            self._told.clear()

    def counts(self) -> dict[Drop, int]:
        """Count of every reason that occurred, in the order of `Drop`."""
        with self._lock:
            return {reason: self._counts[reason] for reason in Drop if self._counts[reason]}

    def explanations(self) -> dict[Drop, str]:
        """The last explanation of each reason that has one."""
        with self._lock:
            return dict(self._texts)

    @property
    def frames(self) -> int:
        """How often something was lost that costs a frame [-]; a pair counts each of its images."""
        return sum(count for reason, count in self.counts().items() if reason.costs_a_frame)
