"""What is left of a training run: a checkpoint that deployment opens, its card, and its learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import ssc_ros
from ssc_ros.core import markdown
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.training.training_base import TrainingBase
from ssc_ros.training.training_data import TrainingData

Curves = dict[str, tuple[list[int], list[float]]]
"""Scalar name -> steps and values."""


def write_checkpoint(path: Path, run: Path, module: TrainingBase, data: TrainingData, command: str) -> None:
    """Write the best weights of a run as a checkpoint, with a card and a picture of the curves beside it.

    Of a run that has ended before its first validation, the last weights are written, without scores.

    Args:
        path: the `.safetensors` file; the card is `.md`, the picture `.png`.
        run: folder of the run.
        module: as it was trained; its weights are replaced by the best ones, if some were validated.
        data: as it was trained on.
        command: that trained it.
    """
    best, step, validated = run / "checkpoints" / "best.ckpt", int(module.global_step), {}
    if best.exists():
        state = torch.load(best, map_location="cpu", weights_only=False)
        module.load_state_dict(state["state_dict"])
        step = int(state["global_step"])
    else:
        validated = {"validated": "never, the run ended before; these are its last weights"}
    # what is known of them
    curves = read_curves(run / "tensorboard")
    metrics = scores_at(curves, step)
    provenance = {
        "command": command,
        "code": f"ssc_ros {ssc_ros.__version__}",
        "train": data.train_samples.describe(),
        "validation": data.validation_samples.describe(),
        **module.origins,
        "seed": str(module.seed),
        "step": str(step),
        **validated,
    }
    metadata = CheckpointMetadata(
        model_id=path.stem,
        system=module.system,
        preset=module.preset,
        label_set_name=module.label_set.name,
        grid=module.network.spec.grid,
        inputs=module.network.spec.sensors,
        polar=module.network.spec.polar,
        provenance=provenance,
        metrics=metrics,
    )
    # checkpoint, picture and card
    save_checkpoint(path, module.network, metadata)
    draw_curves(curves).savefig(path.with_suffix(".png"), dpi=110)
    path.with_suffix(".md").write_text(card(metadata, module, path))


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
    """Validation scores nearest to an optimiser step, by name ("miou", "class/car")."""
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


def card(metadata: CheckpointMetadata, module: TrainingBase, path: Path) -> str:
    """The model card, in Markdown."""
    grid, sensors = metadata.grid, " and ".join(metadata.inputs)
    what = f"It completes {' x '.join(map(str, grid.shape))} voxels of {grid.voxel_size} m from {sensors}."
    scored = "`ssc-ros evaluate` scores the file on every frame, beside the baselines."
    if metadata.polar is not None:
        cells = " x ".join(map(str, metadata.polar.shape))
        what = f"It gives a class to each point of a sweep, by {cells} cells of range, azimuth and height."
        scored = "Of points; `ssc-ros evaluate --task segmentation` scores the file."
    elif not module.network.completes:
        what = f"It tells the classes of image cells from {sensors}; other networks start from it or learn from it."
        scored = f"Of image cells, {module.judged}; `ssc-ros evaluate --task pixels` scores the file on real frames."
    parameters = sum(p.numel() for p in module.network.parameters())
    provenance = [f"- {key}: {f'`{text}`' if key == 'command' else text}" for key, text in metadata.provenance.items()]
    origin = "\n".join(provenance)
    return f"""\
# {metadata.model_id}

`{metadata.system}`, preset `{metadata.preset}`, label set `{metadata.label_set_name}`, {parameters:,} parameters.
{what}

Licence of the weights: {metadata.licence}.

## Training

{origin}

![learning curves]({path.with_suffix(".png").name})

## Validation

One confusion matrix over all of the validation data above; mIoU is the mean over the classes without empty, in %.
{scored}

{score_table(metadata.metrics, module.label_set.names[1:])}
"""


def score_table(metrics: Mapping[str, float], classes: Sequence[str]) -> str:
    """Scores [%] as a Markdown table: a row for each score and class."""
    rows = {"accuracy": "accuracy", "IoU": "iou", "precision": "precision", "recall": "recall", "**mIoU**": "miou"}
    rows |= {name: f"class/{name}" for name in classes}
    scored = [(title, f"{100 * metrics[key]:.2f}") for title, key in rows.items() if key in metrics]
    return "\n".join(markdown.table(("", "%"), scored, (markdown.LEFT, markdown.LEFT)))
