"""The past beyond the view, and the mean of all frames."""

from __future__ import annotations

import numpy as np
import torch

from ssc_ros.core import poses
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.temporal.branch import BeyondView, HistoryMean

from ..moving_rig import GRID, RIG, SIZE, VALID, projection


def test_beyond_the_view_the_past_is_read_and_within_it_is_not() -> None:
    beyond = BeyondView(LineOfSightLift(GRID, RIG.image_size, 2), 3, 2)
    volume, memory = torch.randn(1, 2, *GRID.shape), torch.randn(1, 1, 3, *SIZE)
    turned = projection(poses.from_quaternion(np.array([0.0, 0, np.sin(0.4), np.cos(0.4)]), np.zeros(3)))[None, None]
    filled = beyond(volume, memory, projection()[None], turned, VALID)
    seen = torch.from_numpy(RIG.in_view(GRID.centers()))
    assert torch.equal(filled[0, :, seen], volume[0, :, seen])
    read = beyond.project(beyond.lift(memory, turned, VALID))
    assert torch.equal(filled[0, :, ~seen], read[0, :, ~seen])
    assert read[0, :, ~seen].any()


def test_the_mean_is_over_all_frames_and_of_one_frame_it_is_that_frame() -> None:
    mean = HistoryMean(LineOfSightLift(GRID, RIG.image_size, 2), torch.nn.Identity())
    matched, memory = torch.randn(1, 3, *SIZE), torch.randn(1, 2, 3, *SIZE)
    now = projection()[None]
    past = now[:, None].repeat(1, 2, 1, 1)
    single = mean(matched, memory, now, past, torch.zeros(1, 2, dtype=torch.bool))
    torch.testing.assert_close(single, mean.lift(matched[:, None], now[:, None], VALID))
    all_frames = torch.cat([matched[:, None], memory], dim=1).mean(dim=1)
    expected = mean.lift(all_frames[:, None], now[:, None], VALID)
    got = mean(matched, memory, now, past, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
