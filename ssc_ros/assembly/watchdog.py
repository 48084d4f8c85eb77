"""Why there is no result: looks at what came in and names the first thing that is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.settings import OdometrySettings
from ssc_ros.messages.drops import Drop


@dataclass(frozen=True)
class InputState:
    """What is known of one required input since the last look.

    Attributes:
        topic: resolved name.
        type: expected message type, such as "sensor_msgs/msg/Image".
        received: messages.
        publisher_types: type that each publisher of the topic has.
        unfit: sentences about publishers whose QoS does not fit.
        newest: stamp of the last message [ns], or None.
    """

    topic: str
    type: str
    received: int
    publisher_types: Sequence[str]
    unfit: Sequence[str] = ()
    newest: int | None = None


@dataclass(frozen=True)
class RequiredInputs:
    """The inputs without which there is no frame.

    Attributes:
        left, right: the images.
        infos: the camera_info, of which one that ever came is enough.
        points: the clouds, where the network cannot do without; else None.
    """

    left: InputState
    right: InputState
    infos: tuple[InputState, InputState]
    points: InputState | None = None


@dataclass
class Vigil:
    """Waits for results of one kind, and has it explained when there are none.

    Attributes:
        what: kind of result, for people.
        results: how many there were, those that nobody wanted included.
        drops: what was dropped on the way to them.
        explain: why there are none, of what was dropped since the last look.
        warn: logs a sentence.
        clock: [s].
        silence: why there is no result; empty if there is one.
    """

    what: str
    results: Callable[[], int]
    drops: DropCounter
    explain: Callable[[Mapping[Drop, int]], str]
    warn: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    silence: str = ""
    _since: float = field(init=False)
    _results: int = field(init=False)
    _counts: dict[Drop, int] = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after activation."""
        self.silence = ""
        self._note()

    def look(self, period: float) -> None:
        """See whether there is a result; if there is none for a period [s], say why. 0: never."""
        if self.results() > self._results:
            self.silence = ""
        elif period == 0 or self.clock() - self._since < period:
            return
        else:
            counts = self.drops.counts()
            recent = {reason: count - self._counts.get(reason, 0) for reason, count in counts.items()}
            self.silence = self.explain({reason: count for reason, count in recent.items() if count > 0})
            self.warn(f"no {self.what} for {self.clock() - self._since:.0f} s: {self.silence}")
        self._note()

    def _note(self) -> None:
        self._since, self._results, self._counts = self.clock(), self.results(), self.drops.counts()


def explain_no_sweeps(points: InputState, drops: Mapping[Drop, int], explanations: Mapping[Drop, str]) -> str:
    """Why no labelled sweep was published although the node is active and somebody wants it.

    Args:
        points: the clouds.
        drops: what was dropped since the last look.
        explanations: the last explanation of each reason.
    """
    if not points.received:
        return explain_missing(points)
    worst = max((reason for reason in drops if reason in explanations), key=lambda reason: drops[reason], default=None)
    if worst is not None:
        return f"{drops[worst]} dropped as '{worst.value}': {explanations[worst]}"
    return "sweeps arrive; the next one is still in work"


def explain_no_grid(
    inputs: RequiredInputs, slop: int, drops: Mapping[Drop, int], explanations: Mapping[Drop, str]
) -> str:
    """Why no grid was published although the node is active and somebody wants it.

    Args:
        inputs: what came since the last look.
        slop: largest difference of stamp within a pair [ns].
        drops: what was dropped since the last look.
        explanations: the last explanation of each reason.

    Returns:
        One or two sentences with the remedy.
    """
    left, right, points = inputs.left, inputs.right, inputs.points
    needed = [left, right, *inputs.infos, *([points] if points else [])]
    missing = [explain_missing(state) for state in needed if not state.received]
    if missing:
        return "; ".join(missing)
    frame_drops = {reason: count for reason, count in drops.items() if reason.costs_a_frame}
    explained = [reason for reason in frame_drops if reason in explanations]
    if explained:
        worst = max(explained, key=lambda reason: frame_drops[reason])
        return f"{frame_drops[worst]} dropped as '{worst.value}': {explanations[worst]}"
    if Drop.NO_CLOUD in drops and points:
        return _without_cloud(left, points)
    if Drop.UNPAIRED in drops or Drop.QUEUE_FULL in drops:
        return _unpaired(left, right, slop)
    if Drop.DUPLICATE in drops:
        return f"the stamps of {left.topic} or {right.topic} do not grow; let the driver set header.stamp of each image"
    if frame_drops:
        counted = ", ".join(f"{reason.value} {count}" for reason, count in frame_drops.items())
        return f"frames were dropped: {counted}"
    return "images and calibration arrive; the next frame is still in work"


def explain_no_pose(
    odometry: OdometrySettings, grid_frame: str, consequence: str = "the network sees single frames"
) -> str:
    """Why whatever joins frames has to do without their poses.

    Args:
        odometry: what the node was told of ego poses.
        grid_frame: the frame whose pose is wanted.
        consequence: of there being none.
    """
    if not odometry.enabled:
        return f"odometry.enabled is false, so {consequence}; set it and configure again"
    pose = "nav_msgs/Odometry on 'odometry'"
    if odometry.source == "tf":
        pose = f"the transform of '{grid_frame}' in '{odometry.fixed_frame}' on /tf"
    return (
        f"there is no ego pose at the image's stamp, so {consequence}: publish {pose} at least "
        "every odometry.max_gap seconds, stamped by the clock of the images"
    )


def explain_missing(state: InputState) -> str:
    """Say why nothing arrives on a topic, and what to do."""
    if state.unfit:
        return f"nothing arrives on {state.topic}: " + "; ".join(state.unfit)
    if not state.publisher_types:
        return f"nobody publishes {state.topic}: start the driver or the replay, or remap the topic"
    if state.type not in state.publisher_types:
        transport = "set the parameter image_transport, or " if state.type.endswith("Image") else ""
        return (
            f"{state.topic} is published as {', '.join(sorted(set(state.publisher_types)))}, expected {state.type}: "
            f"{transport}remap the topic"
        )
    return (
        f"{state.topic} has {len(state.publisher_types)} publisher(s), but nothing arrives: are they paused? Images "
        "get lost on default transports: give the publisher config/fastdds.xml (see there), or publish reliably"
    )


def _without_cloud(left: InputState, points: InputState) -> str:
    return (
        f"no cloud of {points.topic} fits a stereo pair, and the checkpoint reads LiDAR: its stamps differ"
        f"{_offset(left, points)} from those of {left.topic}, more than lidar.slop, or it comes later than "
        "lidar.grace_time"
    )


def _unpaired(left: InputState, right: InputState, slop: int) -> str:
    return (
        f"the stamps of {left.topic} and {right.topic} differ{_offset(left, right)}, more than sync.slop = "
        f"{slop / 1e9:g} s: let one clock stamp both cameras, or raise sync.slop (below half of the frame period)"
    )


def _offset(one: InputState, other: InputState) -> str:
    if one.newest is None or other.newest is None:
        return ""
    return f" by {abs(one.newest - other.newest) / 1e9:.6f} s"
