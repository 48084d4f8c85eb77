"""What is measured: a network, and how it is run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ssc_ros.core import LABEL_SETS, SscError
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.inference.checkpoint import CheckpointMetadata, read_metadata
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.networks.quantization import observed_ranges
from ssc_ros.networks.reparameterize import fuse
from ssc_ros.systems import SceneNetwork, build, spelled


@dataclass(frozen=True)
class Setting:
    """A network and how it is run.

    Attributes:
        network: a checkpoint file, or SYSTEM/PRESET, which gets random weights.
        backend: as for `SceneCompleter`, such as "torch", "torch-bf16" or "openvino-bf16".
        threads: of torch and of OpenCV.
        device: as for `SceneCompleter`.
    """

    network: str
    backend: str = "torch"
    threads: int = 1
    device: str = "cpu"

    def changed(self, text: str) -> Setting:
        """This setting with changes, such as "threads=2,backend=torch-bf16"; a word alone is another network.

        Raises:
            SscError: a name that no setting has, or not a number of threads.
        """
        changes: dict[str, Any] = {}
        for part in text.split(","):
            name, equals, value = part.rpartition("=")
            name = name if equals else "network"
            if name not in (known := [field.name for field in dataclasses.fields(self)]):
                raise SscError(f"'{part}' is not a setting; expected NAME=VALUE with a name of {', '.join(known)}")
            if name == "threads" and (not value.isdecimal() or int(value) < 1):
                raise SscError(f"'{part}' is not a number of threads; expected 1 or more")
            changes[name] = int(value) if name == "threads" else value
        return dataclasses.replace(self, **changes)

    @property
    def name(self) -> str:
        """For people."""
        name = f"{Path(self.network).name if self._is_file else self.network}, {self.backend}"
        return f"{name}, {self.threads} thread{'s' * (self.threads > 1)}" if self.device == "cpu" else name

    def open(self) -> SceneCompleter:
        """A completer that runs it.

        Raises:
            SscError: no such checkpoint, system, preset, backend or device, or a network that predicts no scene.
        """
        torch.set_num_threads(self.threads)
        if self._is_file:
            completer = SceneCompleter.from_checkpoint(Path(self.network), self.device, backend=self.backend)
        else:
            torch.manual_seed(0)
            network = self.build()
            with observed_ranges(network) as ranges:  # while the norms settle: another frame of a full size takes long
                settled(network)
            labels = next(name for name, labels in LABEL_SETS.items() if len(labels) == network.class_count)
            spec, words = network.spec, self._words
            name = f"{'_'.join(words)}_untrained"
            metadata = CheckpointMetadata(name, *words, labels, spec.grid, spec.sensors, activation_ranges=ranges)
            completer = SceneCompleter(network.requires_grad_(False), metadata, self.device, self.backend)
        if not completer.network.completes:
            raise SscError(f"{self.network} predicts no scene, so there is nothing to measure; choose another network")
        return completer

    def build(self) -> SceneNetwork:
        """The network as it is run, freshly initialised.

        Raises:
            SscError: no such checkpoint, system or preset.
        """
        return fuse(build(*self._words).eval())

    @property
    def _is_file(self) -> bool:
        return "/" not in self.network or self.network.endswith(".safetensors") or Path(self.network).is_file()

    @property
    def _words(self) -> tuple[str, str]:
        """System and preset."""
        if self._is_file:
            metadata = read_metadata(Path(self.network))
            return metadata.system, metadata.preset
        system, _, preset = self.network.partition("/")
        return system, spelled(preset)


@torch.no_grad()
def settled(network: SceneNetwork) -> SceneNetwork:
    """An untrained network with the statistics that its batch norms have on a made street, in evaluation mode.

    Without them each layer of a deep encoder enlarges what it reads, and with it every error of rounding, so that no
    backend could be compared.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.train().momentum = 1
    network(synthetic_inputs(network.spec))
    for norm in norms:
        norm.eval()
    return network
