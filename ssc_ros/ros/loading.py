"""The networks that the settings name; torch is imported only here."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ssc_ros.assembly.settings import Settings
from ssc_ros.core import SscError
from ssc_ros.core.resources import find_file, shipped_checkpoint
from ssc_ros.ros.ports import Completer, Networks, Segmenter

if TYPE_CHECKING:
    from ssc_ros.inference.completer import SceneCompleter
    from ssc_ros.inference.segmenter import PointSegmenter

LoadCompleter = Callable[[Settings], Completer]
LoadSegmenter = Callable[[Settings], Segmenter]


def load_completer(settings: Settings) -> SceneCompleter:
    """Open the checkpoint of the settings, for one of the frames that are completed at once.

    Raises:
        SscError: a file, device or backend that cannot be used.
    """
    from ssc_ros.inference.completer import SceneCompleter

    threads = settings.threads or None
    if settings.parallel_frames > 1:
        threads = max(1, (threads or len(os.sched_getaffinity(0))) // settings.parallel_frames)
    path = find_file(settings.checkpoint) if settings.checkpoint else shipped_checkpoint()
    return SceneCompleter.from_checkpoint(path, settings.device, threads, settings.backend)


def load_segmenter(settings: Settings) -> PointSegmenter:
    """Open the segmentation checkpoint of the settings.

    Raises:
        SscError: a file or device that cannot be used.
    """
    from ssc_ros.inference.backends.backend import AUTO
    from ssc_ros.inference.segmenter import PointSegmenter

    path = find_file(settings.lidar.segmentation_checkpoint)
    return PointSegmenter.from_checkpoint(path, settings.device, settings.threads or None, AUTO)


def load_networks(
    settings: Settings, completer: LoadCompleter = load_completer, segmenter: LoadSegmenter = load_segmenter
) -> Networks:
    """Open all networks of the settings, and make their first frame as fast as the others.

    Args:
        settings: of the node.
        completer, segmenter: open the checkpoints.

    Raises:
        SscError: a file, device or backend that cannot be used, or nothing to do.
    """
    if not (settings.camera.enabled or settings.lidar.segmentation_checkpoint):
        raise SscError(
            "camera.enabled is false and lidar.segmentation_checkpoint is empty, so there is nothing to do; set one"
        )
    points = segmenter(settings) if settings.lidar.segmentation_checkpoint else None
    if points is not None:
        points.warm_up()
    scenes = _completers(settings, completer) if settings.camera.enabled else []
    with ThreadPoolExecutor(max(1, len(scenes))) as threads:  # at once, as they will work
        list(threads.map(lambda network: network.warm_up(), scenes))
    return Networks(scenes, points)


def _completers(settings: Settings, load: LoadCompleter) -> list[Completer]:
    """The completion network, once for each frame in work."""
    first = load(settings)
    if first.history.count and settings.parallel_frames > 1:
        raise SscError(
            f"parallel_frames is {settings.parallel_frames}, but {first.metadata.model_id} reads past frames, "
            "so each has to be completed before the next; set it to 1"
        )
    return [first, *(load(settings) for _ in range(settings.parallel_frames - 1))]
