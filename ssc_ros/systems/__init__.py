"""One module per published system: wiring and presets, no arithmetic of its own."""

from __future__ import annotations

from ssc_ros.core import SscError
from ssc_ros.systems import l2cocc
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput

__all__ = ["SYSTEMS", "InputSpec", "SceneInputs", "SceneNetwork", "SceneOutput", "build"]

SYSTEMS = {"l2cocc_camera": (l2cocc.L2CoccCamera, l2cocc.PRESETS)}
"""System name -> its module class and presets."""


def build(system: str, preset: str) -> SceneNetwork:
    """A freshly initialised network.

    Raises:
        SscError: a system or preset that does not exist; the message lists those that do.
    """
    if system not in SYSTEMS:
        raise SscError(f"system '{system}' does not exist; choose from {sorted(SYSTEMS)}")
    network, presets = SYSTEMS[system]
    if preset not in presets:
        raise SscError(f"system '{system}' has no preset '{preset}'; choose from {sorted(presets)}")
    return network(presets[preset])
