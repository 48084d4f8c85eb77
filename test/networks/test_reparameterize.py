"""Norms that convolutions can take in."""

from __future__ import annotations

import pytest
from torch import nn

from ssc_ros.networks.reparameterize import absorb_norm


def test_a_norm_without_statistics_is_refused() -> None:
    with pytest.raises(ValueError, match="running statistics"):
        absorb_norm(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1, track_running_stats=False))
