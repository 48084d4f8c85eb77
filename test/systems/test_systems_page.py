"""The tables of docs/systems.md say what `ssc-ros info` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import SYSTEMS, build

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "systems.md").read_text()
TABLES = dict(re.findall(r"^### `(\w+ \w+)`\n\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def test_the_page_has_all_tables() -> None:
    presets = {"full", "full_t", "full_s", "full_l", "edge", "edge_fine"}
    expected = {
        f"{name} {preset}" for name in ("htcl", "l2cocc", "l2cocc_lidar", "sgn", "vlscene") for preset in SYSTEMS[name]
    }
    assert set(TABLES) == {name for name in expected if name.split()[1] in presets}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_what_info_says(name: str) -> None:
    system, preset = name.split()
    if name in ("htcl full", "l2cocc full") or name.startswith("sgn full"):
        pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    rows = {row.name: row for row in summarize(lambda: build(system, preset))}
    head, _, *lines = map(cells, TABLES[name].splitlines())
    assert len(lines) > 4
    for line in lines:
        row = rows["" if line[0] == "total" else line[0].strip("`")]
        assert line[head.index("ours")] == f"{row.parameters:,}", line
        assert line[-1] == f"{row.flops / 1e9:.1f}", line
    parameters = [int(line[head.index("ours")].replace(",", "")) for line in lines]
    assert sum(parameters[:-1]) == parameters[-1], "a module is missing"
