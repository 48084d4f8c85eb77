"""Why there is no result: looks at what came in and names the first thing that is missing. Needs no ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ssc_ros.ros.drops import Drop


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


def explain_silence(
    left: InputState,
    right: InputState,
    infos: Sequence[InputState],
    slop: int,
    drops: Mapping[Drop, int],
    explanations: Mapping[Drop, str],
) -> str:
    """Why no grid was published although the node is active and somebody wants it.

    Args:
        left, right: the images.
        infos: the camera_info, of which one that ever came is enough.
        slop: largest difference of stamp within a pair [ns].
        drops: what was dropped since the last look.
        explanations: the last explanation of each reason.

    Returns:
        One or two sentences with the remedy.
    """
    missing = [_missing(state) for state in (left, right, *infos) if not state.received]
    if missing:
        return "; ".join(missing)
    frame_drops = {reason: count for reason, count in drops.items() if reason.costs_a_frame}
    explained = [reason for reason in frame_drops if reason in explanations]
    if explained:
        worst = max(explained, key=lambda reason: frame_drops[reason])
        return f"{frame_drops[worst]} dropped as '{worst.value}': {explanations[worst]}"
    if Drop.UNPAIRED in drops or Drop.QUEUE_FULL in drops:
        return _unpaired(left, right, slop)
    if Drop.DUPLICATE in drops:
        return f"the stamps of {left.topic} or {right.topic} do not grow; let the driver set header.stamp of each image"
    if frame_drops:
        counted = ", ".join(f"{reason.value} {count}" for reason, count in frame_drops.items())
        return f"frames were dropped: {counted}"
    return "images and calibration arrive; the first frame is still in work"


def _missing(state: InputState) -> str:
    if state.unfit:
        return f"nothing arrives on {state.topic}: " + "; ".join(state.unfit)
    if not state.publisher_types:
        return f"nobody publishes {state.topic}: start the driver or the replay, or remap the topic"
    if state.type not in state.publisher_types:
        return (
            f"{state.topic} is published as {', '.join(sorted(set(state.publisher_types)))}, expected {state.type}: "
            "set the parameter image_transport, or remap the topic"
        )
    return (
        f"{state.topic} has {len(state.publisher_types)} publisher(s), but nothing arrives: are they paused? Images "
        "get lost on default transports: give the publisher config/fastdds.xml (see there), or publish reliably"
    )


def _unpaired(left: InputState, right: InputState, slop: int) -> str:
    offset = "" if left.newest is None or right.newest is None else f" by {abs(left.newest - right.newest) / 1e9:.6f} s"
    return (
        f"the stamps of {left.topic} and {right.topic} differ{offset}, more than sync.slop = {slop / 1e9:g} s: "
        "let one clock stamp both cameras, or raise sync.slop (below half of the frame period)"
    )
