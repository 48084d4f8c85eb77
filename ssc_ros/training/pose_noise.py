"""Poses that are wrong on purpose, to find out how much a network of several frames depends on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssc_ros.data.semantic_kitti import KittiSequence


@dataclass(frozen=True)
class PoseNoise:
    """An odometry that errs at every frame, or one that says that nothing ever moves.

    Attributes:
        translation, rotation: standard deviation along and about each axis, for each frame of travel [m, degrees].
            The errors add up, as those of an odometry do.
        identity: all frames have the same pose.
        seed: of the errors; those of a sequence are the same in every epoch, and as a past and as a current frame.
    """

    translation: float = 0.0
    rotation: float = 0.0
    identity: bool = False
    seed: int = 0

    def applied(self, sequence: KittiSequence) -> KittiSequence:
        """The sequence with wrong poses; one without poses stays as it is."""
        poses = sequence.T_world_lidar
        if poses is None or not (self.identity or self.translation or self.rotation):
            return sequence
        if self.identity:
            return replace(sequence, T_world_lidar=np.broadcast_to(np.eye(4), poses.shape).copy())
        random = np.random.default_rng([self.seed, *sequence.name.encode()])
        return replace(sequence, T_world_lidar=drifted(poses, self.translation, np.radians(self.rotation), random))


def drifted(
    poses: Sequence[NDArray[np.float64]] | NDArray[np.float64],
    translation: float,
    rotation: float,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Poses whose steps from each to the next have errors.

    Args:
        poses: N of (4, 4); the first one stays.
        translation, rotation: standard deviation along and about each axis [m, rad] of each step.
        random: draws the errors.

    Returns:
        (N, 4, 4).
    """
    result = [np.asarray(poses[0], np.float64)]
    for before, after in itertools.pairwise(poses):
        error = np.eye(4)
        error[:3, :3] = Rotation.from_rotvec(random.normal(0, rotation, 3)).as_matrix()
        error[:3, 3] = random.normal(0, translation, 3)
        result.append(result[-1] @ np.linalg.inv(before) @ after @ error)
    return np.stack(result)
