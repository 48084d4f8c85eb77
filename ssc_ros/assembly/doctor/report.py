"""What was found, on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console
from rich.markup import escape

from ssc_ros.assembly.doctor.findings import Finding, wrong
from ssc_ros.assembly.doctor.stereo import StereoExamination
from ssc_ros.assembly.settings_rules import pose_text


def print_findings(console: Console, findings: Iterable[Finding]) -> None:
    """Print a line for each finding."""
    for finding in findings:
        mark = "[green]ok   [/green]" if finding.ok else "[bold red]wrong[/bold red]"
        console.print(f"{mark} {escape(finding.what)}: {escape(finding.text)}", soft_wrap=True, highlight=False)


def print_extrinsics(console: Console, examination: StereoExamination) -> None:
    """Print the parameter with which the node would see the ground where it is; nothing without a mount."""
    pose = examination.T_grid_reference
    if pose is not None:
        console.print(f"\ncamera.extrinsics: {escape(pose_text(pose))}", soft_wrap=True, highlight=False)


def with_speed(examination: StereoExamination, seconds: float, rate: float) -> StereoExamination:
    """Add how fast this machine is.

    Args:
        examination: of the cameras.
        seconds: that the network takes for a frame.
        rate: of the cameras [1/s]; NaN where it is not known.
    """
    text = f"a frame takes {1e3 * seconds:.0f} ms, {1 / seconds:.1f} a second"
    finding = Finding("speed", text)
    if seconds * rate > 1:
        finding = wrong(
            "speed",
            f"{text}, but the cameras send {rate:.1f}: {1 - 1 / (seconds * rate):.0%} of the pairs will be dropped; "
            "use a smaller checkpoint (docs/systems.md), more cores, or slower cameras",
        )
    return replace(examination, findings=(*examination.findings, finding))
