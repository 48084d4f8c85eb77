"""The frames of a recorded drive as a robot would sense them: in the order of time, with what was before."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from ssc_ros.core import Frame
from ssc_ros.data.sequence import LabelledSequence
from ssc_ros.inference.history import nearest_stamps
from ssc_ros.systems.spec import History


class Observer(Protocol):
    """What remembers frames: a `SceneCompleter`."""

    @property
    def history(self) -> History:
        """Which past frames it reads."""

    def forget(self) -> None:
        """Forget all past frames."""

    def observe(self, frame: Frame) -> None:
        """Remember a frame."""


def stream(
    observer: Observer | None, sequence: LabelledSequence, wanted: Collection[str], with_points: bool = True
) -> Iterator[tuple[str, Frame]]:
    """The wanted frames of a sequence in the order of time, to be completed one by one.

    Before each, the observer is shown the frames that belong to its past, also those that are not wanted themselves;
    other frames are not even read, so that a frame's prediction does not depend on which others are wanted.

    Args:
        observer: forgets first what it knew of other sequences; None remembers nothing.
        sequence: the drive.
        wanted: names of frames.
        with_points: read the sweeps.
    """
    chosen = set(wanted)
    shown = set[str]()
    if observer is not None:
        observer.forget()
        ids, stamps = sequence.frame_ids, [sequence.stamp(frame_id) for frame_id in sequence.frame_ids]
        for frame_id in chosen:
            past = nearest_stamps(stamps, sequence.stamp(frame_id), observer.history)
            shown |= {ids[i] for i in past if i is not None}
    for frame_id in sorted(chosen | shown, key=lambda i: (sequence.stamp(i), i)):
        frame = sequence.frame(frame_id, with_points=with_points)
        if frame_id in chosen:
            yield frame_id, frame
        elif observer is not None:
            observer.observe(frame)
