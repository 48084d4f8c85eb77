"""The variable that carries large messages: both names, but where Fast DDS 3 is installed, which complains of one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ssc_ros.messages.transports import BUILTIN, PROFILES, large_message_variables


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "python"))
    return tmp_path / "ros"


def test_the_names_are_those_that_the_installed_library_reads(prefix: Path) -> None:
    environment = {"AMENT_PREFIX_PATH": f"/nowhere:{prefix}"}
    assert tuple(large_message_variables(environment)) == PROFILES
    (prefix / "share/fastdds").mkdir(parents=True)
    variables = large_message_variables(environment)
    assert tuple(variables) == ("FASTDDS_DEFAULT_PROFILES_FILE",)
    assert Path(variables["FASTDDS_DEFAULT_PROFILES_FILE"]).is_file()


@pytest.mark.parametrize("name", [BUILTIN, *PROFILES])
def test_what_the_user_has_chosen_stays(name: str) -> None:
    assert large_message_variables({name: "mine"}) == {}
