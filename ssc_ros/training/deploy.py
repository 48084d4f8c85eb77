"""What is left of a training run: a checkpoint that deployment opens, its card, and its learning curves."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import ssc_ros
from ssc_ros.core import EMPTY, SscError
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.training.data import SceneData, Scenes
from ssc_ros.training.module import SENSORS, SceneTraining

Curves = dict[str, tuple[list[int], list[float]]]
"""Scalar name -> steps and values."""


def deploy(path: Path, run: Path, module: SceneTraining, data: SceneData, command: str) -> None:
    """Write the best weights of a run as a deployed checkpoint, with a card and a picture of the curves beside it.

    Args:
        path: the `.safetensors` file; the card is `.md`, the picture `.png`.
        run: folder of the run.
        module: as it was trained; its weights are replaced by the best ones.
        data: as it was trained on.
        command: that trained it.

    Raises:
        SscError: the run has no validated checkpoint.
    """
    best = run / "checkpoints" / "best.ckpt"
    if not best.exists():
        raise SscError(f"{best} does not exist: the run was never validated; train at least to the first validation")
    state = torch.load(best, map_location="cpu", weights_only=False)
    module.load_state_dict(state["state_dict"])
    curves = read_curves(run / "tensorboard")
    step = int(state["global_step"])
    metrics = scores_at(curves, step)
    provenance = {
        "command": command,
        "code": f"ssc_ros {ssc_ros.__version__}",
        "train": describe(data.train_scenes),
        "validation": describe(data.validation_scenes),
        "seed": str(module.seed),
        "step": str(step),
    }
    metadata = CheckpointMetadata(
        model_id=path.stem,
        system=module.system,
        preset=module.preset,
        label_set_name=module.label_set.name,
        grid=module.spec.grid,
        inputs=("stereo", "lidar"),
        provenance=provenance,
        metrics=metrics,
    )
    save_checkpoint(path, module.network, metadata)
    draw_curves(curves).savefig(path.with_suffix(".png"), dpi=110)
    path.with_suffix(".md").write_text(card(metadata, module, path))


def describe(scenes: Scenes) -> str:
    """One line on a set of scenes."""
    names = sorted({sequence.name for sequence, _ in scenes.frames})
    return f"{len(scenes)} scenes of sequences {', '.join(names)}"


def read_curves(folder: Path) -> Curves:
    """All scalars of a TensorBoard folder, over all interruptions of the run."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    curves: Curves = {}
    for name in events.Tags()["scalars"]:
        # a resumed run repeats the steps since its last checkpoint: the later value is the one that led on
        values = {event.step: event.value for event in events.Scalars(name)}
        curves[name] = (sorted(values), [values[step] for step in sorted(values)])
    return curves


def scores_at(curves: Curves, step: int) -> dict[str, float]:
    """Validation scores nearest to an optimiser step, by name ("stereo/miou", "class/stereo/car")."""
    scores = {}
    for name, (steps, values) in curves.items():
        if name.startswith(("val/", "class/")):
            nearest = min(range(len(steps)), key=lambda i: abs(steps[i] - step))
            scores[name.removeprefix("val/")] = round(values[nearest], 5)
    return scores


def draw_curves(curves: Curves) -> Figure:
    """Losses and validation scores over the steps."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    for name, (steps, values) in sorted(curves.items()):
        if name.startswith("train/"):
            losses.plot(steps, values, label=name.removeprefix("train/"), linewidth=1)
        elif name.startswith("val/") and name.endswith("iou"):
            scores.plot(steps, [100 * v for v in values], label=name.removeprefix("val/"), marker=".")
    losses.set(title="training loss terms", xlabel="step", yscale="log")
    scores.set(title="validation [%]", xlabel="step")
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
    return figure


def card(metadata: CheckpointMetadata, module: SceneTraining, path: Path) -> str:
    """The model card, in Markdown."""

    def percent(key: str) -> str:
        return f"{100 * metadata.metrics[key]:.2f}" if key in metadata.metrics else "-"

    grid = metadata.grid
    size = " x ".join(str(n) for n in grid.shape)
    lines = [
        f"# {metadata.model_id}",
        "",
        f"`{metadata.system}`, preset `{metadata.preset}`, label set `{metadata.label_set_name}`, "
        f"{sum(p.numel() for p in module.network.parameters()):,} parameters. It completes {size} voxels of "
        f"{grid.voxel_size} m from {' and '.join(metadata.inputs)}; LiDAR is optional.",
        "",
        f"Licence of the weights: {metadata.licence}.",
        "",
        "## Training",
        "",
        *(f"- {key}: {f'`{value}`' if key == 'command' else value}" for key, value in metadata.provenance.items()),
        "",
        f"![learning curves]({path.with_suffix('.png').name})",
        "",
        "## Validation [%]",
        "",
        "One confusion matrix over the whole validation set; mIoU over the classes without empty. "
        "`ssc-ros evaluate` scores the file on every frame and beside the baselines.",
        "",
        "| | " + " | ".join(sensors.replace("_", " + ") for sensors in SENSORS) + " |",
        "|---|" + "---|" * len(SENSORS),
    ]
    rows = {"IoU": "iou", "precision": "precision", "recall": "recall", "**mIoU**": "miou"}
    lines += [
        f"| {title} | " + " | ".join(percent(f"{s}/{key}") for s in SENSORS) + " |" for title, key in rows.items()
    ]
    for class_id, name in enumerate(module.label_set.names):
        if class_id != EMPTY:
            lines.append(f"| {name} | " + " | ".join(percent(f"class/{s}/{name}") for s in SENSORS) + " |")
    return "\n".join(lines) + "\n"
