"""What stands in for the completion on a robot without a camera."""

from __future__ import annotations

from dataclasses import dataclass, field

from ssc_ros.core import Frame, SemanticGrid, SscError
from ssc_ros.ros.ports import Metadata
from ssc_ros.systems.spec import History


@dataclass
class NoCompleter:
    """Completes nothing, and is never asked to.

    Attributes:
        metadata: of the network that does run; its grid frame is the node's, its classes are announced.
    """

    metadata: Metadata
    timings: dict[str, float] = field(default_factory=dict)
    past_frames: int = 0
    history: History = field(default_factory=History)
    reads_classes: bool = False
    backend: str = "(none)"

    def forget(self) -> None:
        """Nothing is remembered."""

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def complete(self, frame: Frame, *, confidence: bool = True) -> SemanticGrid:
        """Nobody calls this.

        Raises:
            SscError: always.
        """
        raise SscError("camera.enabled is false, so no scene can be completed")
