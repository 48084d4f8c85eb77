"""What docs/performance.md is made of: commands, and what each has written."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from measuring import Report
from peers import PEERS, Peer

from ssc_ros.profiling.document import Document
from ssc_ros.profiling.report import Result
from ssc_ros.profiling.ros.result import Result as NodeResult

REPOSITORY = Path(__file__).resolve().parents[1]
PROGRAMS = {"ssc-ros": (sys.executable, "-m", "ssc_ros.cli"), "python": (sys.executable,)}
"""First word of a command -> what runs it here."""


@dataclass(frozen=True)
class Measurement:
    """One command.

    Attributes:
        key: name of its files.
        command: without --json.
        purpose: what it measures, as a heading.
        kind: of what it writes.
    """

    key: str
    command: str
    purpose: str
    kind: type[Document] = Result

    def execute(self, runs: Path) -> bool:
        """Run the command, unless it has written its file before; its output goes to KEY.log. False: it failed."""
        if self.file(runs).exists():
            return True
        runs.mkdir(parents=True, exist_ok=True)
        program, *arguments = shlex.split(self.command)
        command = [*PROGRAMS[program], *arguments, "--json", str(self.file(runs))]
        with (runs / f"{self.key}.log").open("w") as log:
            done = subprocess.run(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT, check=False)
        said = f"ended with status {done.returncode}, see {log.name}" if done.returncode else "measured"
        print(f"{self.key}: {said}", flush=True)
        return done.returncode == 0

    def file(self, runs: Path) -> Path:
        """What it writes, at its end and in one step."""
        return runs / f"{self.key}.json"


def read(measurements: Iterable[Measurement], runs: Path) -> dict[str, Document]:
    """What has been measured, by key."""
    return {m.key: m.kind.from_json(m.file(runs).read_text()) for m in measurements if m.file(runs).exists()}


IN_TURNS = "--compare backend=torch backend="
"""What is compared last is what `auto` chooses on a CPU that multiplies bytes and bfloat16: a checkpoint that is
quantised runs in eight bits."""


def _scene(network: str, backend: str = "openvino-bf16") -> Measurement:
    command = f"ssc-ros benchmark {network} {IN_TURNS}{backend} --threads 2 --rounds 6 --warm-up 1"
    return Measurement(network.replace(" ", "-"), command, f"`{network}`")


def _sweep(system: str) -> Measurement:
    command = (
        f"python benchmarks/segmentation.py --system {system} --preset full --points 123389 --repeats 6 --threads 2"
    )
    return Measurement(f"{system}-full", command, f"`{system} full`", Report)


REFERENCE = (
    Measurement(
        "reference", "python benchmarks/reference.py --threads 2", "This machine and that of the peers", Report
    ),
)
"""Whether times measured here may be held against the peers'."""

DEFAULT = (
    Measurement("backends", "ssc-ros benchmark --all-backends --threads 2", "Every backend in turns"),
    Measurement(
        "compare",
        f"ssc-ros benchmark {IN_TURNS}openvino-int8 --threads 2",
        "torch against OpenVINO in eight bits, in turns",
    ),
)
"""The shipped checkpoint."""

FULL: Mapping[Measurement, Peer] = {
    _scene("sgn full-t"): PEERS["SGN-T"],
    _scene("sgn full-s"): PEERS["SGN-S"],
    _scene("sgn full-l"): PEERS["SGN-L"],
    _scene("l2cocc full", "openvino-int8"): PEERS["L2COcc-C"],
    _scene("l2cocc_lidar full", "openvino-int8"): PEERS["L2COcc-L"],
    _scene("vlscene full"): PEERS["VLScene"],
    _scene("htcl full"): PEERS["HTCL"],
    _sweep("polarnet"): PEERS["PolarNet"],
    _sweep("cylinder3d"): PEERS["Cylinder3D"],
}
"""Published sizes, as often as their peers were measured, and these; that frame's sweep has so many points."""

NODE = (
    Measurement(
        "node", "ssc-ros benchmark ros --hz 10 20 --seconds 60 --threads 2", "With the default checkpoint", NodeResult
    ),
    Measurement(
        "node-parallel",
        "ssc-ros benchmark ros --hz 10 20 --seconds 60 --threads 2 --parallel-frames 2 --waiting-frames 2",
        "Two frames at once",
        NodeResult,
    ),
    Measurement(
        "node-alone",
        "ssc-ros benchmark ros --work-ms 0 --hz 10 20 --seconds 60 --threads 2",
        "With a network that takes no time",
        NodeResult,
    ),
)

ALL = (*REFERENCE, *DEFAULT, *FULL, *NODE)
