"""Published systems, a sub-package each: `network` wires blocks, `presets` has their sizes; neither does arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ssc_ros.core import SscError
from ssc_ros.systems.cylinder3d import presets as cylinder3d_presets
from ssc_ros.systems.htcl import presets as htcl_presets
from ssc_ros.systems.l2cocc import presets as l2cocc_presets
from ssc_ros.systems.lang_seg import presets as lang_seg_presets
from ssc_ros.systems.polarnet import presets as polarnet_presets
from ssc_ros.systems.segmenter import presets as segmenter_presets
from ssc_ros.systems.sgn import presets as sgn_presets
from ssc_ros.systems.spec import LIDAR, STEREO, InputSpec, SceneInputs, SceneNetwork, SceneOutput
from ssc_ros.systems.vlscene import presets as vlscene_presets

__all__ = ["LIDAR", "STEREO", "SYSTEMS", "InputSpec", "SceneInputs", "SceneNetwork", "SceneOutput", "build", "spelled"]

SYSTEMS: Mapping[str, Mapping[str, Callable[[], SceneNetwork]]] = {
    "htcl": htcl_presets.PRESETS,
    "l2cocc": l2cocc_presets.CAMERA_PRESETS,
    "l2cocc_lidar": l2cocc_presets.LIDAR_PRESETS,
    "l2cocc_image": l2cocc_presets.IMAGE_PRESETS,
    "lang_seg": lang_seg_presets.PRESETS,
    "segmenter": segmenter_presets.PRESETS,
    "sgn": sgn_presets.PRESETS,
    "vlscene": vlscene_presets.PRESETS,
    "vlscene_image": vlscene_presets.IMAGE_PRESETS,
    "polarnet": polarnet_presets.PRESETS,
    "cylinder3d": cylinder3d_presets.PRESETS,
}
"""System name -> its presets, each a function that builds a freshly initialised network."""


def spelled(preset: str) -> str:
    """Return a preset's name with underscores, where papers hyphenate as in full-t."""
    return preset.replace("-", "_")


def build(system: str, preset: str) -> SceneNetwork:
    """Build a freshly initialised network; a hyphen in the preset's name is as good as an underscore.

    Raises:
        SscError: a system or preset that does not exist; the message lists those that do.
    """
    if system not in SYSTEMS:
        raise SscError(f"system '{system}' does not exist; choose from {sorted(SYSTEMS)}")
    presets, preset = SYSTEMS[system], spelled(preset)
    if preset not in presets:
        raise SscError(f"system '{system}' has no preset '{preset}'; choose from {sorted(presets)}")
    return presets[preset]()
