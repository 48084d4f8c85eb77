"""The checkpoint: one safetensors file that says everything about itself. No pickle is ever loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ssc_ros.core import LABEL_SETS, LabelSet, PolarGrid, SceneGrid, SscError
from ssc_ros.core.files import write_atomically
from ssc_ros.inference.metadata_fields import MetadataFields
from ssc_ros.networks.quantization import Ranges
from ssc_ros.systems import SceneNetwork, build

FORMAT = "ssc_ros/1"


@dataclass(frozen=True)
class CheckpointMetadata:
    """What a checkpoint says of itself; stored as JSON in the safetensors header.

    Attributes:
        model_id: short name, carried by every grid that the network predicts.
        system, preset: what `systems.build` makes; the preset fixes input sizes and normalisation.
        label_set: name of the label set.
        grid: the predicted grid.
        inputs: the sensors that it reads, such as ("stereo",) or ("lidar",).
        polar: the cells of a network that gives classes to points.
        provenance: data, command, seed, code version, steps.
        metrics: validation scores by name.
        licence: of the weights.
        activation_ranges: what its convolutions read, for eight bits; empty where it was never quantised.
    """

    model_id: str
    system: str
    preset: str
    label_set_name: str
    grid: SceneGrid
    inputs: tuple[str, ...]
    provenance: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    licence: str = "Apache-2.0"
    polar: PolarGrid | None = None
    activation_ranges: Ranges = field(default_factory=dict)

    @property
    def label_set(self) -> LabelSet:
        """The label set by its name."""
        return LABEL_SETS[self.label_set_name]

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> CheckpointMetadata:
        """Parse what `to_json` wrote.

        Raises:
            ValueError: it is not such a text; the error names the key.
        """
        read = MetadataFields.parse(text)
        read.require_no_others({item.name for item in fields(CheckpointMetadata)})
        if (label_set_name := read.text("label_set_name")) not in LABEL_SETS:
            raise ValueError(f"label set '{label_set_name}' is not one of {', '.join(LABEL_SETS)}")
        provenance, metrics, ranges = (read.fields(key) for key in ("provenance", "metrics", "activation_ranges"))
        return CheckpointMetadata(
            model_id=read.text("model_id"),
            system=read.text("system"),
            preset=read.text("preset"),
            label_set_name=label_set_name,
            grid=_scene_grid(read.fields("grid")),
            inputs=read.texts("inputs"),
            provenance={key: provenance.text(key) for key in provenance.values},
            metrics={key: metrics.number(key) for key in metrics.values},
            licence=read.text("licence"),
            polar=_polar_grid(read.fields("polar")) if "polar" in read else None,
            activation_ranges={key: _pair(ranges, key) for key in ranges.values},
        )


def _scene_grid(read: MetadataFields) -> SceneGrid:
    read.require_no_others({item.name for item in fields(SceneGrid)})
    x, y, z = read.numbers("min_corner", 3)
    return SceneGrid((x, y, z), read.number("voxel_size"), read.counts("shape"), read.text("frame_id"))


def _polar_grid(read: MetadataFields) -> PolarGrid:
    read.require_no_others({item.name for item in fields(PolarGrid)})
    return PolarGrid(read.counts("shape"), _pair(read, "ranges"), _pair(read, "heights"))


def _pair(read: MetadataFields, key: str) -> tuple[float, float]:
    low, high = read.numbers(key, 2)
    return low, high


def save_checkpoint(path: Path, network: nn.Module, metadata: CheckpointMetadata) -> None:
    """Write the network's weights and buffers with their metadata; the file appears whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, save(tensors, metadata={"format": FORMAT, "ssc_ros": metadata.to_json()}))


def read_metadata(path: Path) -> CheckpointMetadata:
    """Metadata alone, without the weights.

    Raises:
        SscError: no such file, or not a checkpoint of this project.
    """
    with _opened(path) as file:
        return _metadata_of(file, path)


def load_checkpoint(path: Path) -> tuple[SceneNetwork, CheckpointMetadata]:
    """The network, in evaluation mode on the CPU, and its metadata.

    Raises:
        SscError: no such file, not a checkpoint, or weights that are not finite or do not fit the system strictly.
    """
    tensors, metadata = _read(path)
    network = build(metadata.system, metadata.preset)
    spec = network.spec
    for made, expected in ((metadata.grid, spec.grid), (metadata.polar, spec.polar)):
        if made != expected:
            raise SscError(f"checkpoint '{path}' is for grid {made}, but its preset is for {expected}")
    if network.class_count != len(metadata.label_set):
        raise SscError(
            f"checkpoint '{path}' is for the {len(metadata.label_set)} classes of '{metadata.label_set_name}', but its "
            f"preset for {network.class_count}"
        )
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise SscError(
            f"checkpoint '{path}' does not fit {metadata.system}/{metadata.preset} of this version of ssc_ros; "
            f"train it again or use a matching release ({str(error).splitlines()[0]})"
        ) from error
    return network.eval().requires_grad_(False), metadata


def load_block(network: nn.Module, name: str, path: Path) -> None:
    """Give a block of a network the trained weights of another network, of any system.

    Args:
        network: holds the block.
        name: path of the block, such as "image" or "encoder.0".
        path: a checkpoint whose network has a block of that path, or is such a block as a whole.

    Raises:
        SscError: no such block, no such file, or weights that are not finite or do not fit strictly.
    """
    tensors, metadata = _read(path)
    try:
        block = network.get_submodule(name)
    except AttributeError as error:
        have = ", ".join(child for child, _ in network.named_children())
        raise SscError(f"there is no block '{name}' to start from '{path}'; the network consists of {have}") from error
    inside = f"{name}."
    own = {key.removeprefix(inside): tensor for key, tensor in tensors.items() if key.startswith(inside)}
    try:
        block.load_state_dict(own or tensors, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise SscError(f"'{path}' ({metadata.system}) does not fit the block '{name}' ({reason})") from error


def _read(path: Path) -> tuple[dict[str, Tensor], CheckpointMetadata]:
    """Weights, which are finite, and metadata. Of a file that is none of ours no weight is read."""
    with _opened(path) as file:
        metadata = _metadata_of(file, path)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    _require_finite(tensors, path)
    return tensors, metadata


def _require_finite(tensors: dict[str, Tensor], path: Path) -> None:
    """Make sure that all weights are finite.

    Raises:
        SscError: some are not, so everything that the network says would be empty.
    """
    broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise SscError(
            f"checkpoint '{path}' is broken: {len(broken)} of its {len(tensors)} tensors have values that are not "
            f"finite, such as '{broken[0]}'; the training has diverged, so take another checkpoint"
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file, for a block that reads it."""
    if not path.is_file():
        raise SscError(f"checkpoint '{path}' does not exist; give a .safetensors file such as those in models/")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise SscError(f"'{path}' is not a safetensors file, or it is cut short: {error}") from error


def _metadata_of(file: Any, path: Path) -> CheckpointMetadata:
    header = file.metadata() or {}
    if header.get("format") != FORMAT:
        raise SscError(f"'{path}' is a safetensors file without '{FORMAT}' metadata; it was not written by ssc_ros")
    try:
        return CheckpointMetadata.from_json(header["ssc_ros"])
    except KeyError as error:
        raise SscError(f"'{path}' has no {error} in its header; it was not written by ssc_ros") from error
    except ValueError as error:
        raise SscError(f"the metadata of checkpoint '{path}' cannot be read: {error}") from error
