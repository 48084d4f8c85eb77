"""The state of a configured node as diagnostic_msgs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from ssc_ros.assembly.settings import Settings
from ssc_ros.kernels.memory import resident_memory
from ssc_ros.messages.drops import Drop
from ssc_ros.ros.completion import Pipeline
from ssc_ros.ros.inputs import Input
from ssc_ros.ros.segmentation import Segmentation

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
A_DAY = 86_400.0  # [s]


def frames_status(pipeline: Pipeline, settings: Settings, silence: str) -> DiagnosticStatus:
    """Rate and latency of the published grids; an error while the watchdog has something to say."""
    latency, budget = pipeline.latency.percentile(95), settings.diagnostics.latency_budget
    level, message = OK, f"{pipeline.published.hertz:.1f} grids per second"
    if silence:
        level, message = ERROR, silence
    elif latency is not None and latency > A_DAY:
        level = WARN
        message = "stamps are more than a day old: in a replay, set use_sim_time and let the replay publish /clock"
    elif pipeline.alone:
        level, message = WARN, pipeline.alone
    elif latency is not None and latency > budget:
        level = WARN
        message = f"latency {1e3 * latency:.0f} ms is above diagnostics.latency_budget = {1e3 * budget:.0f} ms"
    completer = pipeline.completer
    values = {
        "published": pipeline.published.total,
        "rate [1/s]": f"{pipeline.published.hertz:.2f}",
        "skipped because nobody subscribes": pipeline.skipped,
        "past frames used": f"{completer.past_frames} of {completer.history.count}",
        "latency stamp to publication, median [ms]": _milliseconds(pipeline.latency.percentile(50)),
        "latency stamp to publication, 95 % [ms]": _milliseconds(latency),
        "processing arrival to publication, median [ms]": _milliseconds(pipeline.processing.percentile(50)),
        "processing arrival to publication, 95 % [ms]": _milliseconds(pipeline.processing.percentile(95)),
    }
    return _status("frames", level, message, pipeline, values)


def connections_status(pipeline: Pipeline, inputs: Iterable[Input], conflicts: Iterable[str]) -> DiagnosticStatus:
    """Rate of each input; an error if some endpoint's QoS does not fit."""
    sentences = list(conflicts)
    values = {f"{item.topic} [1/s]": f"{item.rate.hertz:.2f}" for item in inputs}
    return _status("connections", ERROR if sentences else OK, "; ".join(sentences) or "all fit", pipeline, values)


def drops_status(pipeline: Pipeline, before: Mapping[Drop, int]) -> DiagnosticStatus:
    """Count of each reason; a warning if frames were lost since `before`."""
    now = pipeline.drops.counts()
    new = [reason.value for reason, count in now.items() if reason.costs_a_frame and count > before.get(reason, 0)]
    message = "dropping: " + ", ".join(new) if new else "none in the last second"
    return _status("drops", WARN if new else OK, message, pipeline, {r.value: n for r, n in now.items()})


def segmentation_status(
    segmentation: Segmentation, pipeline: Pipeline, before: Mapping[Drop, int], silence: str
) -> DiagnosticStatus:
    """Rate, latency and drops of the labelled sweeps; an error while the watchdog has something to say."""
    now = segmentation.drops.counts()
    new = [reason.value for reason, count in now.items() if count > before.get(reason, 0)]
    level, message = OK, f"{segmentation.published.hertz:.1f} sweeps per second"
    if silence:
        level, message = ERROR, silence
    elif new:
        level, message = WARN, "dropping: " + ", ".join(new)
    network = segmentation.label.latency
    values = {
        "published": segmentation.published.total,
        "rate [1/s]": f"{segmentation.published.hertz:.2f}",
        "skipped because nobody subscribes": segmentation.skipped,
        "latency stamp to publication, median [ms]": _milliseconds(segmentation.latency.percentile(50)),
        "latency stamp to publication, 95 % [ms]": _milliseconds(segmentation.latency.percentile(95)),
        "network, median [ms]": _milliseconds(network.percentile(50)),
        "network, 95 % [ms]": _milliseconds(network.percentile(95)),
        "model": segmentation.label.segmenter.metadata.model_id,
        **{f"dropped as {reason.value}": count for reason, count in now.items()},
    }
    return _status("segmentation", level, message, pipeline, values)


def model_status(pipeline: Pipeline, settings: Settings) -> DiagnosticStatus:
    """What runs, on what, and the memory it takes."""
    scene = pipeline.scene
    values = {
        "checkpoint": (settings.checkpoint or "(shipped)") if settings.camera.enabled else "(none)",
        "segmentation checkpoint": settings.lidar.segmentation_checkpoint or "(none)",
        "device": settings.device,
        "backend": pipeline.completer.backend,
        "sensors": ", ".join(pipeline.completer.metadata.inputs),
        "label set": pipeline.completer.metadata.label_set.name,
        "grid": f"{' x '.join(map(str, scene.shape))} voxels of {scene.voxel_size} m in '{scene.frame_id}'",
        "resident memory [MB]": f"{resident_memory() / 1e6:.0f}",
    }
    return _status("model", OK, pipeline.completer.metadata.model_id, pipeline, values)


def _status(
    part: str, level: bytes, message: str, pipeline: Pipeline, values: Mapping[str, object]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=level,
        name=part,
        message=message,
        hardware_id=pipeline.completer.metadata.model_id,
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1e3 * seconds:.1f}"
