"""A polar grid has an extent."""

from __future__ import annotations

import pytest

from ssc_ros.core import PolarGrid


@pytest.mark.parametrize("wrong", [{"ranges": (5.0, 5.0)}, {"heights": (1.0, 0.0)}, {"shape": (0, 4, 4)}])
def test_a_grid_without_extent_is_refused(wrong: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(ValueError, match="increasing bounds"):
        PolarGrid(**wrong)
