"""The networks that the settings name; torch is imported only here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ssc_ros.assembly.settings import Settings
from ssc_ros.core.resources import shipped_checkpoint

if TYPE_CHECKING:
    from ssc_ros.inference.completer import SceneCompleter
    from ssc_ros.inference.segmenter import PointSegmenter


def load_completer(settings: Settings) -> SceneCompleter:
    """Open the checkpoint of the settings, for one of the frames that are completed at once.

    Raises:
        SscError: a file, device or backend that cannot be used.
    """
    from ssc_ros.inference.completer import SceneCompleter

    threads = settings.threads or None
    if settings.parallel_frames > 1:
        threads = max(1, (threads or len(os.sched_getaffinity(0))) // settings.parallel_frames)
    path = Path(settings.checkpoint).expanduser() if settings.checkpoint else shipped_checkpoint()
    return SceneCompleter.from_checkpoint(path, settings.device, threads, settings.backend)


def load_segmenter(settings: Settings) -> PointSegmenter:
    """Open the segmentation checkpoint of the settings.

    Raises:
        SscError: a file or device that cannot be used.
    """
    from ssc_ros.inference.backends.backend import AUTO
    from ssc_ros.inference.segmenter import PointSegmenter

    path = Path(settings.lidar.segmentation_checkpoint).expanduser()
    return PointSegmenter.from_checkpoint(path, settings.device, settings.threads or None, AUTO)
