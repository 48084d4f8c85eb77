"""The message types that bags are written and read with: ROS 2 Jazzy's and our own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from ssc_ros.core import SscError
from ssc_ros.core.resources import share_directory

MESSAGE_PACKAGE = "ssc_ros_msgs"


def load_typestore() -> Typestore:
    """Jazzy's standard types (tf2_msgs included) and `ssc_ros_msgs`, read from its .msg files.

    Raises:
        SscError: the .msg files are nowhere to be found.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted(message_directory().glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"{MESSAGE_PACKAGE}/msg/{file.stem}"))
    return store


def message_directory() -> Path:
    """Folder of the .msg files of `ssc_ros_msgs`: the checkout's, else the one installed with or beside this package.

    Raises:
        SscError: there is none.
    """
    share = share_directory()
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p] + [Path(sys.prefix)]
    packages = [share / MESSAGE_PACKAGE, share.parent / MESSAGE_PACKAGE]
    packages += [prefix / "share" / MESSAGE_PACKAGE for prefix in prefixes]
    for package in packages:
        if any((package / "msg").glob("*.msg")):
            return package / "msg"
    raise SscError(
        f"no {MESSAGE_PACKAGE}/msg/*.msg in {', '.join(map(str, packages))}: "
        f"build the package with colcon, or pip install ./{MESSAGE_PACKAGE}"
    )
