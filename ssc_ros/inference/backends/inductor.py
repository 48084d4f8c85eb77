"""Dense parts compiled by torch.compile."""

from __future__ import annotations

import torch

from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.networks.dense import Compiled, Example


def compile_part(example: Example, backend: Backend, artefacts: Artefacts) -> Compiled:
    """A part that is compiled when it is run first, which takes minutes; torch has a cache of its own for the code."""
    compiled: Compiled = torch.compile(example.part.call, dynamic=False)
    return compiled
