"""Half-resolution labels against the rule, written out voxel by voxel."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssc_ros.training.half_labels import halve_labels

# few classes, so that ties are common
LABELS = st.sampled_from([0, 0, 0, 255, 255, 1, 2, 19])


def by_the_rule(block: list[int]) -> int:
    occupied = [label for label in block if label not in (0, 255)]
    if occupied:
        return min(occupied, key=lambda label: (-occupied.count(label), label))
    return 0 if block.count(0) > block.count(255) else 255


@settings(max_examples=200, deadline=None)
@given(arrays(np.uint8, (2, 4, 6, 2), elements=LABELS))
def test_every_block_follows_the_rule(labels: np.ndarray) -> None:
    half = halve_labels(torch.from_numpy(labels))
    assert half.shape == (2, 2, 3, 1)
    assert half.dtype == torch.uint8
    for b, x, y, z in np.ndindex(half.shape):
        block = labels[b, 2 * x : 2 * x + 2, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2]
        assert half[b, x, y, z] == by_the_rule(block.ravel().tolist())


def test_one_occupied_voxel_of_eight_wins_and_ties_are_settled() -> None:
    def half(*labels: int) -> int:
        return halve_labels(torch.tensor(labels, dtype=torch.uint8).view(1, 2, 2, 2)).item()

    assert half(0, 0, 0, 0, 0, 0, 0, 9) == 9
    assert half(255, 255, 255, 255, 255, 255, 255, 9) == 9
    assert half(15, 15, 9, 9, 0, 0, 0, 0) == 9
    assert half(0, 0, 0, 0, 255, 255, 255, 255) == 255
    assert half(0, 0, 0, 0, 0, 255, 255, 255) == 0


@given(st.sampled_from([0, 1, 9, 19, 255]))
def test_a_constant_volume_stays_constant(label: int) -> None:
    assert halve_labels(torch.full((1, 4, 4, 4), label, dtype=torch.uint8)).unique().tolist() == [label]
