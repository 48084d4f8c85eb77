"""The checkpoint: one safetensors file that says everything about itself. No pickle is ever loaded."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ssc_ros.core import LABEL_SETS, LabelSet, PolarGrid, SceneGrid, SscError
from ssc_ros.core.files import write_atomically
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
            ValueError, KeyError, TypeError: it is not such a text.
        """
        fields = json.loads(text)
        corner, shape = fields["grid"]["min_corner"], fields["grid"]["shape"]
        fields["grid"] = SceneGrid(
            tuple(corner), fields["grid"]["voxel_size"], tuple(shape), fields["grid"]["frame_id"]
        )
        fields["inputs"] = tuple(fields["inputs"])
        if (polar := fields.get("polar")) is not None:
            fields["polar"] = PolarGrid(**{name: tuple(values) for name, values in polar.items()})
        fields["activation_ranges"] = {key: tuple(x) for key, x in fields.get("activation_ranges", {}).items()}
        metadata = CheckpointMetadata(**fields)
        _ = metadata.label_set
        return metadata


def save_checkpoint(path: Path, network: nn.Module, metadata: CheckpointMetadata) -> None:
    """Write the network's weights and buffers with their metadata; the file appears whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, save(tensors, metadata={"format": FORMAT, "ssc_ros": metadata.to_json()}))


def read_metadata(path: Path) -> CheckpointMetadata:
    """Metadata alone, without the weights.

    Raises:
        SscError: no such file, or not a checkpoint of this project.
    """
    return _open(path)[1]


def load_checkpoint(path: Path) -> tuple[SceneNetwork, CheckpointMetadata]:
    """The network, in evaluation mode on the CPU, and its metadata.

    Raises:
        SscError: no such file, not a checkpoint, or weights that do not fit the system strictly.
    """
    tensors, metadata = _open(path)
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
        SscError: no such block, no such file, or weights that do not fit strictly.
    """
    tensors, metadata = _open(path)
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


def _open(path: Path) -> tuple[dict[str, Tensor], CheckpointMetadata]:
    if not path.is_file():
        raise SscError(f"checkpoint '{path}' does not exist; give a .safetensors file such as those in models/")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise SscError(f"'{path}' is not a safetensors file, or it is cut short: {error}") from error
    if header.get("format") != FORMAT:
        raise SscError(f"'{path}' is a safetensors file without '{FORMAT}' metadata; it was not written by ssc_ros")
    try:
        return tensors, CheckpointMetadata.from_json(header["ssc_ros"])
    except (ValueError, KeyError, TypeError) as error:
        raise SscError(f"the metadata of checkpoint '{path}' cannot be read: {error!r}") from error
