"""Compiled parts on disk, so that a network starts faster the second time."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

import ssc_ros
from ssc_ros.core.files import user_cache
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.networks.dense import Example
from ssc_ros.networks.quantization import NO_RANGES, Ranges

SOURCES = ("networks", "systems")
"""Rooms whose code decides what a part calculates."""


@dataclass(frozen=True)
class Artefacts:
    """The artefacts of one network, by what they depend on: weights, ranges, code, backend, its version, the machine.

    Attributes:
        network: a digest of its weights, its ranges and the code.
        root: the folder of all artefacts.
    """

    network: str
    root: Path = field(default_factory=lambda: user_cache() / "backends")

    @staticmethod
    def of(network: nn.Module, ranges: Ranges = NO_RANGES) -> Artefacts:
        """Those of a network that is quantised, where it is, by some ranges."""
        return Artefacts(_digest_of(network, ranges))

    def path(self, backend: Backend, example: Example, suffix: str) -> Path:
        """Where what a backend makes of a part is, or may be written; its folder need not exist.

        Args:
            backend: the maker.
            example: of the part; the shapes of its arguments matter.
            suffix: such as ".xml".
        """
        shapes = " ".join(f"{tuple(x.shape)} {x.dtype}" for x in example.inputs)
        facts = (self.network, backend.name, backend.version(), platform.machine(), example.part.path, shapes)
        digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        return self.root / backend.name / f"{example.part.path}-{digest}{suffix}"


def _digest_of(network: nn.Module, ranges: Ranges) -> str:
    digest = hashlib.sha256(repr(sorted(ranges.items())).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    package = Path(ssc_ros.__file__).parent
    for source in sorted(path for room in SOURCES for path in (package / room).rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
