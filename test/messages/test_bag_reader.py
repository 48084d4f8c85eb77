"""Bags that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssc_ros.core import SscError
from ssc_ros.messages.bag_reader import open_bag_reader


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(SscError, match=str(path)), open_bag_reader(path):
            pass
