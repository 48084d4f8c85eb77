"""benchmarks/fuzz.py: a short campaign, and that a campaign survives what it finds and says how to find it again."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"
COUNT = 1500


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("fuzz")


def test_every_hostile_input_is_read_or_refused_in_time_and_in_little_memory(fuzz: ModuleType, tmp_path: Path) -> None:
    campaign = fuzz.Campaign(fuzz.make_targets(tmp_path), seed=1)
    results = campaign.run(range(COUNT))
    assert results.failures == []
    assert sum(results.read.values()) > COUNT / 5
    assert sum(results.refused.values()) > COUNT / 5


def test_an_input_is_made_of_its_seed_and_number_alone(fuzz: ModuleType, tmp_path: Path) -> None:
    targets = fuzz.make_targets(tmp_path)
    long, short = fuzz.Campaign(targets, 3), fuzz.Campaign(targets, 3)
    results = [campaign.run(numbers) for campaign, numbers in ((long, range(100)), (short, range(50, 100)))]
    assert results[1].read <= results[0].read
    assert short.input(77)[0] == long.input(77)[0]


HARMFUL = """
import os, sys
from fuzz import main
from fuzz_targets import Target

def refuse(random):
    from ssc_ros.core import SscError
    def attempt():
        raise SscError("as it should")
    return attempt

def harm(random):
    way = random.choice(("raise", "abort", "grow"))
    def attempt():
        if way == "raise":
            return [][1]
        if way == "grow":
            return len(bytes(1) * 250_000_000)
        os.abort()
    return attempt

def make(folder):
    return [Target("sound", 100, lambda random: lambda: True), Target("refused", 20, refuse), Target("bad", 0.5, harm)]

if __name__ == "__main__":
    sys.exit(main(make))
"""


def test_a_campaign_goes_on_behind_a_crash_and_names_the_input(tmp_path: Path) -> None:
    # of this seed, one input crashes: a process takes seconds to begin
    script = tmp_path / "harmful.py"
    script.write_text(HARMFUL)
    environment = {"PYTHONPATH": f"{SCRIPTS}:{SCRIPTS.parent}", "PATH": "", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, script, "--count", "900", "--seed", "41"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1, done.stderr
    assert "inputs 0 to 899" in done.stdout
    assert "IndexError" in done.stdout
    assert "ends the process with status -6" in done.stdout
    assert "grows to 200 MB" in done.stdout
