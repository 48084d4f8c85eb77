"""What all sources of live transforms have in common: they tell their followers when a transform gets newer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from ssc_ros.assembly.transforms import Matrix, Take


class FollowedTransforms(ABC):
    """A `LiveTransformSource` that knows its newest transforms, and calls `tell` when there may be newer ones."""

    name: str

    def __init__(self) -> None:
        """Have no followers."""
        self._followers: list[Callable[[], None]] = []

    @abstractmethod
    def listen(self) -> None:
        """See `LiveTransformSource`."""

    @abstractmethod
    def newest(self, target: str, source: str) -> tuple[int, Matrix]:
        """`T_target_source` at the newest stamp [ns] at which all transforms between the two frames are known.

        Raises:
            LookupError: there is none.
        """

    def lookup(self, target: str, source: str) -> Matrix:
        """The newest transform; does not wait, because its answer comes by the caller's own executor."""
        return self.newest(target, source)[1]

    def follow(self, target: str, source: str, take: Take) -> Callable[[], None]:
        """See `LiveTransformSource`; a transform without a stamp is static and tells nothing of motion."""
        known = 0

        def look() -> None:
            nonlocal known
            try:
                stamp, transform = self.newest(target, source)
            except LookupError:  # not yet; who misses the transform will say so
                return
            if stamp != known:
                known = stamp
                take(stamp, transform)

        self._followers.append(look)
        return lambda: self._followers.remove(look)

    def tell(self) -> None:
        """Hand newer transforms to those who follow them."""
        for look in self._followers:
            look()
