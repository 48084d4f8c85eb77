"""How images get from process to process without loss."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ssc_ros.core.resources import share_directory

BUILTIN = "FASTDDS_BUILTIN_TRANSPORTS"
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Names of one variable in Fast DDS 2 (up to Jazzy) and in Fast DDS 3."""


def large_message_variables(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that let Fast DDS carry images in shared memory; none where the user has chosen transports already.

    They must be set before `rclpy.init`. What is sent through a segment of 32 MiB arrives, also at best-effort
    subscribers; through the default one of 512 KiB most images do not (see config/fastdds.xml).
    """
    if any(name in environment for name in (BUILTIN, *PROFILES)):
        return {}
    names = PROFILES[1:] if _fast_dds_3(environment) else PROFILES
    return dict.fromkeys(names, str(share_directory() / "config" / "fastdds.xml"))


def _fast_dds_3(environment: Mapping[str, str]) -> bool:
    """Whether Fast DDS 3 is installed (Kilted), which complains of the old name at each start."""
    prefixes = [sys.prefix, *environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    return any(Path(prefix, "share", "fastdds").is_dir() for prefix in prefixes if prefix)
