"""Why an input or a frame was not used: one word for each reason, and the error that carries it."""

from __future__ import annotations

from enum import Enum

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
    # a class map that was left out; its frame is completed by the network's own segmenter
    MAP_UNPAIRED = "map_unpaired"  # no stereo pair near its stamp, or it came after its pair had gone ahead
    MAP_LATE = "map_late"  # a pair went ahead without the class map that semantics.topic promises
    MAP_ENCODING = "map_encoding"
    MAP_SIZE = "map_size"
    MAP_LABELS = "map_labels"  # ids that the label map does not list
    # an ego pose that was left out
    POSE = "pose"
    POSE_MISSING = "pose_missing"  # a frame without, of a network that reads past frames or of a map: it stays alone
    POSE_JUMP = "pose_jump"  # it does not follow the one before: the map starts afresh

    @property
    def costs_a_frame(self) -> bool:
        """Whether there is one grid less because of it."""
        return not self.name.startswith(("CLOUD", "MAP", "POSE"))


class UnusableInput(SscError):
    """An input message that cannot be used; the text says why and what to do.

    Attributes:
        reason: what it is counted as.
    """

    def __init__(self, reason: Drop, text: str) -> None:
        super().__init__(text)
        self.reason = reason
