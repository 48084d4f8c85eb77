"""benchmarks/performance.py: goals by closed forms, the page by what it says, and that nothing is measured twice."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from ssc_ros.commands import benchmark
from ssc_ros.inference.stages import Span
from ssc_ros.profiling.report import Measurement, Result, compared
from ssc_ros.profiling.roofline import Roofline
from ssc_ros.profiling.setting import Setting
from ssc_ros.profiling.spread import Spread, Timing
from ssc_ros.systems import SYSTEMS, spelled

pytest.importorskip("rclpy")

from ssc_ros.profiling.ros.result import Result as NodeResult
from ssc_ros.profiling.ros.result import Run, Tail
from ssc_ros.profiling.ros.usage import Usage

REPOSITORY = Path(__file__).resolve().parents[2]
MACHINE = {"cpu": "a CPU", "cores": "2", "load": "0.5 0.4 0.3", "software": "Python"}
PROVENANCE = {"date": "2026-11-30T12:00:00+00:00", "commit": "0123456789abcdef+"}
PAGE = """# Performance

by hand above
<!-- goals -->
from long ago
<!-- end of goals -->
by hand between
<!-- full sizes -->
<!-- end of full sizes -->
"""
PARTS = ("reference", "default checkpoint", "full sizes", "node")
TABLES = "".join(f"<!-- {part} -->\n<!-- end of {part} -->\n" for part in PARTS) + "by hand below\n"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, which is no module of the package, with pages of its own."""
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    module = importlib.import_module("performance")
    for name, text in (("PAGE", PAGE), ("TABLES", TABLES)):
        monkeypatch.setattr(module, name, tmp_path / getattr(module, name).name)
        getattr(module, name).write_text(text)
    return module


def written(script: ModuleType) -> str:
    return script.PAGE.read_text() + script.TABLES.read_text()


def scene(*wholes: float, network: str = "l2cocc/edge") -> Result:
    """Settings whose `complete` takes so many seconds: a tenth of it for stereo, 0.6 and 0.3 for network and labels."""
    parts = {"whole": 1.5, "whole/complete": 1.0, "whole/complete/stereo": 0.1}
    parts |= {"whole/complete/network": 0.6, "whole/complete/labels": 0.3}
    rounds = [[{name: Span(part * whole, part * whole) for name, part in parts.items()}] * 3 for whole in wholes]
    work = Roofline(10**9, 10**9, *2 * [Timing(Spread(1, 1, 1, 1), Spread(2, 1, 1, 1))])
    settings = [Setting(network, f"backend-{number}", 2) for number in range(len(wholes))]
    measured = [Measurement.of(setting, said, work) for setting, said in zip(settings, rounds, strict=True)]
    ratios = compared(*rounds) if len(rounds) == 2 else {}
    return Result(measured, ratios, {"peak": 700.0}, "kitti, 08/000000", machine=MACHINE, provenance=PROVENANCE)


def node(
    p50: float = 3.0,
    p99: float = 9.0,
    resident: float = 600.0,
    arrived: tuple[int, int] = (600, 1200),
    peak: float = 900.0,
) -> NodeResult:
    """At 10 Hz all times are half as long, and memory is half as large."""
    runs = []
    for hz, share, count in ((10.0, 0.5, arrived[0]), (20.0, 1.0, arrived[1])):
        beside = Tail(share * p50, share * p50, share * p99, 100)
        usage = Usage(0.1, share * resident, share * peak, 0.0)
        sent = round(60 * hz)
        lost = sent - count
        runs.append(Run(hz, sent, {}, lost, count, count, hz, {"beside inference": beside}, {"node": usage}))
    return NodeResult("a network", "noise", runs, machine=MACHINE, provenance=PROVENANCE)


def goals(script: ModuleType, **found: Any) -> dict[str, list[str]]:
    """What, and what is said of it."""
    found = {key.replace("_", "-"): document for key, document in found.items()}
    rows = [goal.row(found) for goal in script.GOALS]
    return {row[0]: row[1:] for row in rows if row[2] != "not measured"}


def test_the_last_setting_is_held_against_the_goals_of_the_default_checkpoint(script: ModuleType) -> None:
    # 0.055 s: 6.74 s + 24.04 s of SGN-L are 559.6 times as much, 10 + 24.04 of L2COcc-C 618.9, 11.51 of MonoScene 209.3
    assert goals(script, compare=scene(0.4, 0.055)) == {
        "default checkpoint, from rectified pair to labels, stereo included": [
            "at most 50 ms", "55.0 ms", "missed by a factor of 1.10",
        ],
        "the same against SGN-L's own code, 30.8 s": [
            "at least 600 times faster", "560 times faster", "missed by a factor of 1.07",
        ],
        "the same against L2COcc-C's own code, 34.0 s": [
            "at least 680 times faster", "619 times faster", "missed by a factor of 1.10",
        ],
        "the same against MonoScene's own code, 11.5 s": [
            "at least 230 times faster", "209 times faster", "missed by a factor of 1.10",
        ],
        "the same against VLScene's own code, 25.8 s": [
            "at least 510 times faster", "468 times faster", "missed by a factor of 1.09",
        ],
    }  # fmt: skip
    assert {verdict for *_, verdict in goals(script, compare=scene(0.01, 0.05)).values()} == {"met"}


@pytest.mark.parametrize(
    ("key", "name"), [("node", "one frame at once (default)"), ("node_parallel", "two frames at once")]
)
def test_the_worse_rate_is_held_against_the_goals_of_the_node(script: ModuleType, key: str, name: str) -> None:
    found = goals(script, **{key: node(p50=4.0, p99=15.0, arrived=(590, 1188), peak=1250.0)})
    assert found == {
        f"node, {name}: beside inference, median": ["at most 5 ms", "4.00 ms", "met"],
        f"node, {name}: beside inference, 99th percentile": ["at most 10 ms", "15.0 ms", "missed by a factor of 1.50"],
        f"node, {name}: without a grid at 20 Hz for 60 s": ["at most 0 frames", "12 frames", "missed"],
        f"node, {name}: resident memory, median": ["at most 1000 MB", "600 MB", "met"],
        f"node, {name}: resident memory, largest": ["at most 1000 MB", "1250 MB", "missed by a factor of 1.25"],
    }
    found = goals(script, **{key: node()})
    assert found[f"node, {name}: without a grid at 20 Hz for 60 s"][1:] == ["0 frames", "met"]


def test_the_node_alone_has_goals_of_its_own(script: ModuleType) -> None:
    alone = goals(script, node_alone=node(p50=5.5))
    assert alone["node: beside inference of a network that takes no time, median"][2] == "missed by a factor of 1.10"


def test_full_sizes_are_held_against_their_peers_network_by_network(script: ModuleType) -> None:
    # 0.9 * 4 s are 1.87 times less than SGN-L's 6.74 s, and 4 s are 7.70 times less than its 30.78 s with stereo
    found = {"sgn-full-l": scene(4.0)}
    assert goals(script, **found) == {
        "`sgn full-l` against SGN-L's own code, 6.74 s": [
            "at least 2 times faster", "1.87 times faster", "missed by a factor of 1.07",
        ]
    }  # fmt: skip
    rows = {name: cells for name, *cells in script.against_peers(found)}
    assert rows["`sgn full-l`"] == ["3.60", "6.74", "1.87", "4.00", "30.8", "7.70"]
    assert rows["`htcl full`"] == ["not measured", "40.8", "", "not measured", "40.8", ""]
    measuring = importlib.import_module("measuring")
    wall, cpu = measuring.Measured.of([410.0], "ms"), measuring.Measured.of([900.0], "ms")
    points = {"polarnet-full": measuring.Report("points", [], {"wall": wall, "CPU": cpu}, machine=MACHINE)}
    assert {name: cells for name, *cells in script.against_peers(points)}["`polarnet full`"][:3] == [
        "0.41", "1.64", "4.00",
    ]  # fmt: skip


def write(folder: Path, **found: Any) -> None:
    folder.mkdir(exist_ok=True)
    for key, document in found.items():
        (folder / f"{key}.json").write_text(document.to_json())


def test_the_page_says_what_was_measured_and_what_was_not_and_keeps_what_was_written_by_hand(
    script: ModuleType, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    assert script.main(["--page", "--runs", str(runs)]) == 0
    empty = written(script)
    assert empty.count("Not measured.") == len(script.ALL)
    assert empty.count("| not measured |") == len(script.GOALS) + 2 * len(script.FULL)
    assert "from long ago" not in empty
    write(runs, compare=scene(0.4, 0.04), node=node(), backends=scene(0.4, 0.3, 0.2))
    assert script.main(["--page", "--runs", str(runs)]) == 0
    text = written(script)
    assert text.count("Not measured.") == len(script.ALL) - 3
    for fact in (
        "| default checkpoint, from rectified pair to labels, stereo included | at most 50 ms | 40.0 ms | met |",
        "ssc-ros benchmark --compare backend=torch backend=openvino-int8 --threads 2",
        "| whole | 10.00 | 10.00 .. 10.00 | 10.00 | 10.00 .. 10.00 |",  # the ratio
        "<details><summary>l2cocc/edge, backend-2, 2 threads: milliseconds, 3 times</summary>",
        "| &emsp;&emsp;network | 240 / 240 | 180 / 180 | 120 / 120 |",  # of all backends, in place of bars
        "network's 1.0 GFLOPs",
        "kitti, 08/000000; a CPU, 2 cores, load 0.5 0.4 0.3; Python",
        "2026-11-30, commit 0123456+",
        "| beside inference [ms] | 1.5 / 1.5 / 4.5 | 3.0 / 3.0 / 9.0 |",
    ):
        assert fact in text
    for page in (empty, text):
        assert [line for line in page.splitlines() if line.startswith("by hand")] == [
            "by hand above", "by hand between", "by hand below",
        ]  # fmt: skip


def test_what_is_not_measured_anew_stays_as_it_stands(script: ModuleType, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(first, compare=scene(0.4, 0.04), node=node(p50=4.0), **{"sgn-full-l": scene(4.0)})
    write(second, compare=scene(0.4, 0.05), **{"sgn-full-s": scene(4.0)})
    assert script.main(["--page", "--runs", str(first)]) == 0
    before = written(script)
    assert script.main(["--page", "--runs", str(tmp_path / "none")]) == 0
    assert written(script) == before
    assert script.main(["--page", "--runs", str(second)]) == 0
    after = written(script)
    assert after.count("Not measured.") == before.count("Not measured.") - 1
    assert "40.0 ms" in before
    assert "40.0 ms" not in after
    for text in (
        "50.0 ms | met",
        "4.00 ms | met",
        "1.87 times faster",
        "| 3.60 | 6.74 | 1.87 |",
        "| 2.0 / 2.0 / 4.5 | 4.0 / 4.0 / 9.0 |",
    ):
        assert text in after


def test_a_page_without_a_place_is_named(script: ModuleType, tmp_path: Path) -> None:
    script.TABLES.write_text(TABLES.replace("<!-- end of node -->", ""))
    with pytest.raises(SystemExit, match=r"performance_tables\.md has no place for 'node'"):
        script.main(["--page", "--runs", str(tmp_path / "runs")])


def test_what_is_measured_is_not_measured_again_and_what_failed_is(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    runs, calls, fails = tmp_path / "runs", tmp_path / "calls", tmp_path / "fails"
    (tmp_path / "result.json").write_text(scene(0.1, 0.05).to_json())
    (tmp_path / "program.py").write_text(f"""
import pathlib, shutil, sys
key, json, file = sys.argv[1:]
assert json == "--json"
with open({str(calls)!r}, "a") as log:
    print(key, file=log)
if key == "backends" and pathlib.Path({str(fails)!r}).exists():
    sys.exit("broken")
shutil.copy({str(tmp_path / "result.json")!r}, file)
""")
    stand_ins = [replace(m, command=f"python {tmp_path}/program.py {m.key}") for m in script.DEFAULT]
    monkeypatch.setattr(script, "ALL", stand_ins)
    fails.touch()
    assert script.main(["--runs", str(runs)]) == 1
    assert calls.read_text().split() == ["backends", "compare"]  # the next one is measured all the same
    assert "broken" in (runs / "backends.log").read_text()
    assert "backends: ended with status 1" in capfd.readouterr().out
    assert script.PAGE.read_text().count("| met |") == 5
    fails.unlink()
    assert script.main(["--only", "compare", "--runs", str(runs)]) == 0
    assert calls.read_text().split() == ["backends", "compare"]
    assert script.main(["--runs", str(runs)]) == 0
    assert calls.read_text().split() == ["backends", "compare", "backends"]
    assert script.main(["--runs", str(runs)]) == 0
    assert len(calls.read_text().split()) == 3


def test_every_command_is_one_that_can_be_given(script: ModuleType) -> None:
    parser = argparse.ArgumentParser()
    benchmark.add_arguments(parser)
    assert len({measurement.key for measurement in script.ALL}) == len(script.ALL)
    for measurement in script.ALL:
        program, what, *words = measurement.command.split()
        if program == "python":
            assert (REPOSITORY / what).is_file()
            if measurement in script.REFERENCE:
                continue
            network = words[1], words[3]
            assert words[::2] == ["--system", "--preset", "--points", "--repeats", "--threads"]
        else:
            args = parser.parse_args([*words, "--json", "file"])
            assert args.threads == 2
            network = args.what if len(args.what) == 2 else ("l2cocc", "edge")
        assert spelled(network[1]) in SYSTEMS[network[0]]


def test_the_reference_has_the_work_that_torch_counts(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = importlib.import_module("reference")
    monkeypatch.setattr(reference, "SIDE", 24)
    monkeypatch.setattr(reference, "VOLUME", (5, 4, 3))
    for work, run in reference.operations().values():
        with FlopCounterMode(display=False) as counted, torch.inference_mode():
            run()
        assert work == counted.get_total_flops()
    assert [name.partition(" (")[0] for name in reference.speeds(1)] == list(importlib.import_module("peers").SPEEDS)


def test_other_scripts_write_the_same_kind_of_file(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measuring = importlib.import_module("measuring")
    results = {"a row": measuring.Measured.of([1.0, 2.0, 3.0], "ms", limit=5.0)}
    measuring.report("a script", results, tmp_path / "found.json")
    assert "a row" in capsys.readouterr().out
    read = measuring.Report.from_json((tmp_path / "found.json").read_text())
    assert (read.title, read.results) == ("a script", results)
    assert set(json.loads((tmp_path / "found.json").read_text())["machine"]) == set(MACHINE)
