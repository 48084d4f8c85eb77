"""Half-resolution labels against the rule, written out voxel by voxel."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssc_ros.data.labels_half import halve


def by_the_rule(block: list[int]) -> int:
    occupied = [label for label in block if label not in (0, 255)]
    if occupied:
        return min(occupied, key=lambda label: (-occupied.count(label), label))
    return 0 if block.count(0) > block.count(255) else 255


@given(arrays(np.uint8, (4, 6, 2), elements=st.sampled_from([0, 0, 0, 255, 255, 1, 9, 15])))
def test_every_block_follows_the_rule(labels: np.ndarray) -> None:
    half = halve(labels)
    assert half.shape == (2, 3, 1)
    for x, y, z in np.ndindex(half.shape):
        block = labels[2 * x : 2 * x + 2, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2]
        assert half[x, y, z] == by_the_rule(block.ravel().tolist())


def test_one_occupied_voxel_of_eight_wins_and_ties_are_settled() -> None:
    def block(*labels: int) -> np.ndarray:
        return np.array(labels, np.uint8).reshape(2, 2, 2)

    assert halve(block(0, 0, 0, 0, 0, 0, 0, 9)).item() == 9
    assert halve(block(255, 255, 255, 255, 255, 255, 255, 9)).item() == 9
    assert halve(block(15, 15, 9, 9, 0, 0, 0, 0)).item() == 9
    assert halve(block(0, 0, 0, 0, 255, 255, 255, 255)).item() == 255
    assert halve(block(0, 0, 0, 0, 0, 255, 255, 255)).item() == 0


@given(st.sampled_from([0, 1, 9, 19, 255]))
def test_a_constant_volume_stays_constant(label: int) -> None:
    assert np.unique(halve(np.full((4, 4, 4), label, np.uint8))).tolist() == [label]
