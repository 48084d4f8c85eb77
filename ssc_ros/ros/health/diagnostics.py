"""The state of a configured node as diagnostic_msgs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.statistics import Latencies
from ssc_ros.assembly.stereo_watch import StereoWatch
from ssc_ros.kernels.memory import resident_memory
from ssc_ros.messages.drops import Drop
from ssc_ros.ros.branch import Branch
from ssc_ros.ros.subscriptions import Topic

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
A_DAY = 86_400.0  # [s]


def status(part: str, level: bytes, message: str, values: Mapping[str, object]) -> DiagnosticStatus:
    """Return one entry of /diagnostics; the monitor completes its name."""
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(level=level, name=part, message=message, values=pairs)


def results_status(part: str, branch: Branch, complaint: str, values: Mapping[str, object]) -> DiagnosticStatus:
    """Return rate and latency of a branch's results: an error while there are none, a warning if there is a complaint.

    Args:
        part: name of the entry.
        branch: what is reported on.
        complaint: empty if all is well.
        values: shown after those that all branches have.
    """
    level, message = OK, f"{branch.published.hertz:.1f} {branch.results} per second"
    if branch.silence:
        level, message = ERROR, branch.silence
    elif complaint:
        level, message = WARN, complaint
    common = {
        "published": branch.published.total,
        "rate [1/s]": f"{branch.published.hertz:.2f}",
        "skipped because nobody subscribes": branch.skipped,
    }
    return status(
        part, level, message, {**common, **quantiles("latency stamp to publication", branch.latency), **values}
    )


def old_stamps(branch: Branch) -> str:
    """Say so if the stamps are of another time; empty if they are not."""
    latency = branch.latency.percentile(95)
    if latency is None or latency <= A_DAY:
        return ""
    return "stamps are more than a day old: in a replay, set use_sim_time and let the replay publish /clock"


def over_budget(branch: Branch) -> str:
    """Say so if results come later than they may; empty if they do not."""
    latency, budget = branch.latency.percentile(95), branch.settings.diagnostics.latency_budget
    if latency is None or latency <= budget:
        return ""
    return f"latency {1e3 * latency:.0f} ms is above diagnostics.latency_budget = {1e3 * budget:.0f} ms"


def quantiles(what: str, latencies: Latencies) -> dict[str, str]:
    """Return median and 95th percentile of a duration as values of an entry."""
    return {
        f"{what}, median [ms]": _milliseconds(latencies.percentile(50)),
        f"{what}, 95 % [ms]": _milliseconds(latencies.percentile(95)),
    }


def drops_status(branch: Branch, lost: Sequence[Drop]) -> DiagnosticStatus:
    """Return the count of each reason; a warning if frames were lost for one of `lost`."""
    new = [reason.value for reason in lost if reason.costs_a_frame]
    message = "dropping: " + ", ".join(new) if new else "none in the last second"
    return status("drops", WARN if new else OK, message, {r.value: n for r, n in branch.drops.counts().items()})


def stereo_status(watch: StereoWatch) -> DiagnosticStatus:
    """Return what the images say of the pair and of its mount; a warning if that is not what the node was told."""
    pair, found, given = watch.pair, watch.mount, watch.given
    values = {"looks with ground": found.frames if found else 0, "mount found": found or "", "mount given": given or ""}
    if pair is not None:
        values |= {"matched pixels": f"{pair.matched:.0%}", "rows off [px]": f"{pair.row_offset:.2f}"}
    message = "not looked at yet" if pair is None else f"{pair.matched:.0%} of the pixels are matched"
    return status("stereo", WARN if watch.complaint else OK, watch.complaint or message, values)


def connections_status(topics: Iterable[Topic], conflicts: Iterable[str]) -> DiagnosticStatus:
    """Return the rate of each input; an error if some endpoint's QoS does not fit."""
    sentences = list(conflicts)
    values = {f"{topic.name} [1/s]": f"{topic.rate.hertz:.2f}" for topic in topics}
    return status("connections", ERROR if sentences else OK, "; ".join(sentences) or "all fit", values)


def model_status(branch: Branch) -> DiagnosticStatus:
    """Return what runs in the first branch, on what, and the memory that the process takes."""
    settings, metadata, scene = branch.settings, branch.network.metadata, branch.scene
    values = {
        "checkpoint": _completion_checkpoint(settings),
        "segmentation checkpoint": settings.lidar.segmentation_checkpoint or "(none)",
        "device": settings.device,
        "backend": branch.network.backend,
        "sensors": ", ".join(metadata.inputs),
        "label set": metadata.label_set.name,
        "grid": f"{' x '.join(map(str, scene.shape))} voxels of {scene.voxel_size} m in '{scene.frame_id}'",
        "resident memory [MB]": f"{resident_memory() / 1e6:.0f}",
    }
    return status("model", OK, metadata.model_id, values)


def _completion_checkpoint(settings: Settings) -> str:
    return (settings.checkpoint or "(shipped)") if settings.camera.enabled else "(none)"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1e3 * seconds:.1f}"
