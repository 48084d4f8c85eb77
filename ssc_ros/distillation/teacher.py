"""A trained network that is only ever asked, never changed."""

from __future__ import annotations

from pathlib import Path

import torch

from ssc_ros.core import STEREO, LabelSet, SscError
from ssc_ros.inference.checkpoint import load_checkpoint
from ssc_ros.networks.layout import convolve_channels_last
from ssc_ros.systems import InputSpec, SceneInputs, SceneOutput


class FrozenTeacher:
    """The network of a checkpoint, in evaluation mode and without gradients for ever.

    It is not a `torch.nn.Module`, so a module that holds it does not own it: `train()` does not reach it (Lightning's
    puts the published teacher back into training mode, with dropped paths and drifting statistics), and neither
    `parameters()`, `state_dict()` nor an optimiser, DDP or a checkpoint of the student sees it. Its device is set here.

    Attributes:
        path: of the checkpoint.
        metadata: of the checkpoint.

    Raises:
        SscError: no such file, not a whole checkpoint, or weights that do not fit its system strictly.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._network, self.metadata = load_checkpoint(path)
        convolve_channels_last(self._network)

    @property
    def spec(self) -> InputSpec:
        """How frames must be prepared for it."""
        return self._network.spec

    def check_compatible(self, spec: InputSpec, label_set: LabelSet) -> None:
        """Make sure that a student can be taught.

        Args:
            spec: of the student.
            label_set: that the student learns.

        Raises:
            SscError: another grid, another label set, or images of another size; the message names both.
        """
        own = self.spec
        pairs: list[tuple[str, object, object]] = [
            ("grid", own.grid, spec.grid),
            ("polar grid", own.polar, spec.polar),
            ("label set", self.metadata.label_set_name, label_set.name),
        ]
        if STEREO in own.sensors and STEREO in spec.sensors:  # both read the same images
            pairs.append(("image size", own.image_size, spec.image_size))
            pairs.append(("context size", own.context_size, spec.context_size))
        for what, taught, learnt in pairs:
            if taught != learnt:
                raise SscError(f"teacher '{self.path}' is for {what} {taught}, but the student for {learnt}")

    def to(self, device: torch.device) -> FrozenTeacher:
        """Move it; returns itself."""
        self._network.to(device)
        return self

    @torch.no_grad()
    def __call__(self, inputs: SceneInputs) -> SceneOutput:
        """What it predicts, with taps, for a batch that may hold more inputs than it reads."""
        output: SceneOutput = self._network(inputs)
        return output
