"""One object, one method: a sensed frame in, a semantic grid out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import LIDAR, Frame, SemanticGrid, SscError, StereoRig, poses
from ssc_ros.inference.backends.backend import candidates
from ssc_ros.inference.backends.selection import choose_backend
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint
from ssc_ros.inference.history import FrameHistory, join
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.inference.stages import Stages, clock_of
from ssc_ros.networks.reparameterize import fuse
from ssc_ros.systems import SceneInputs, SceneNetwork
from ssc_ros.systems.spec import History, SceneOutput

LOOKED_AT = 20_000
"""Voxels that are looked at to see whether a prediction is finite; a value that is not spreads by convolutions."""

LabelPoints = Callable[[NDArray[np.float32]], NDArray[np.uint8]]
"""Gives points (N, 4) their train ids (N,), 0 unlabelled."""


class SceneCompleter:
    """Runs a checkpoint. Not thread-safe: one completer belongs to one thread at a time.

    Attributes:
        metadata: what the checkpoint says of itself.
        network: what is run.
        execution: what runs it, and how it was compared with torch.
        stages: how long the stages of the last call took ("stereo", "inputs", "network", "labels").
        past_frames: how many past frames the last prediction saw, at most `history`.
    """

    def __init__(
        self,
        network: SceneNetwork,
        metadata: CheckpointMetadata,
        device: str = "auto",
        backend: str = "torch",
        label: LabelPoints | None = None,
    ) -> None:
        self.metadata = metadata
        self.past_frames = 0
        self._device = choose_device(device)
        self.network = network.eval().to(self._device)
        ranges = metadata.activation_ranges
        self.execution = choose_backend(self.network, candidates(backend, self._device, ranges), self._device, ranges)
        self._autocast = self.execution.backend.precision != "f32"
        self.stages = Stages(clock_of(self._device))
        self._label = label
        self._preparer = InputPreparer(network.spec)
        self._past = FrameHistory(network.spec.history)
        self._blank: Tensor | None = None  # a memory: its shape is known once there was one
        self._view: tuple[StereoRig, NDArray[np.bool_]] | None = None

    @classmethod
    def from_checkpoint(
        cls,
        path: Path,
        device: str = "auto",
        threads: int | None = None,
        backend: str = "torch",
        label: LabelPoints | None = None,
    ) -> SceneCompleter:
        """Open a checkpoint.

        Args:
            path: a `.safetensors` file; nothing else is needed beside it.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threads: CPU threads of torch, OpenCV and the backend, or None for as many as they have now.
            backend: one of `backend.NAMES`, or "auto", see `backend.candidates`.
            label: gives classes to the points of frames that come without, where the network reads them; such as
                `PointSegmenter.labels`.

        Raises:
            SscError: a file, device or backend that cannot be used, or a backend that does not agree with torch.
        """
        if threads:
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
        network, metadata = load_checkpoint(path)
        return cls(fuse(network), metadata, device, backend, label)

    @property
    def history(self) -> History:
        """Which past frames the network reads; a frame without pose is completed without any."""
        return self.network.spec.history

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds per stage of the last call."""
        return {name: 1e3 * span.wall for name, span in self.stages.spans.items()}

    @property
    def backend(self) -> str:
        """Name of what runs the network."""
        return self.execution.backend.name

    @property
    def reads_classes(self) -> bool:
        """Whether it reads the classes of LiDAR points, so that a segmenter must label them (`Frame.point_labels`)."""
        spec = self.network.spec
        return LIDAR in spec.sensors and "lidar_classes" in spec.sweep

    @property
    def needs_classes(self) -> bool:
        """Whether it cannot do without them; another network knows points by the image cells that see them."""
        return self.reads_classes and "lidar_sightings" not in self.network.spec.sweep

    @property
    def reads_class_maps(self) -> bool:
        """Whether it can use a class map of the left image from outside (`Frame.image_labels`)."""
        return self.network.spec.reads_class_maps

    def forget(self) -> None:
        """Forget all past frames, as before another sequence."""
        self._past.forget()

    def warm_up(self) -> None:
        """Complete blank frames, so that the first real one is not slower than the rest, sure of itself or not.

        Raises:
            SscError: a network that predicts no scene, or values that are not finite.
        """
        size = self._preparer.spec.image_size
        blank = np.zeros((*size, 3), np.uint8)
        camera_matrix = np.array([[size[1] / 2, 0, size[1] / 2], [0, size[1] / 2, size[0] / 2], [0, 0, 1.0]])
        optical = poses.from_rows(np.array([0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0]))
        rig = StereoRig(camera_matrix, 0.5, size, optical)
        points, labels = np.zeros((1, 4), np.float32), np.zeros(1, np.uint8)
        looking = self.network.register_forward_hook(lambda network, given, output: self._require_finite(output))
        try:
            for confidence in (True, False):
                self.complete(Frame(0, blank, blank, rig, points, point_labels=labels), confidence=confidence)
                self.forget()
        finally:
            looking.remove()

    @torch.inference_mode()
    def complete(self, frame: Frame, *, confidence: bool = True) -> SemanticGrid:
        """Predict the scene around a frame.

        Args:
            frame: a stereo pair, and LiDAR points for a network that reads them (`metadata.inputs`). A network with a
                history has to be given the frames in the order of their stamps, with their poses.
            confidence: say how sure it is, too.

        Returns:
            Labels, the camera's view, what stereo has measured of a network that reads that, and confidence if it was
            asked for, in the checkpoint's grid; the stamp is the frame's.

        Raises:
            SscError: a frame without points for a network that reads LiDAR, or a network that predicts no scene.
        """
        self.stages.spans.clear()
        with self.stages("stereo"):
            depth = self._preparer.match(frame)
        with self.stages("inputs"):
            now = self._preparer(self._labelled(frame), depth)
            past = self._past.past(frame.stamp, frame.T_world_grid)
            self.past_frames = len(past) - past.count(None)
            inputs = self._batch(join(now, past, self.network.spec, self._blank))
        with self.stages("network"), torch.autocast(self._device.type, torch.bfloat16, enabled=self._autocast):
            output = self.network(inputs)
            self._keep(frame, now, output.memory)
        if (scene := output.scene) is None:
            raise _no_scene(self.metadata)
        with self.stages("labels"):
            found = scene.decide() if confidence else (scene.labels(),)
            labels, *sure = (volume[0].cpu().numpy() for volume in found)
            observed = self._observed(frame.rig)
        metadata = self.metadata
        return SemanticGrid(
            labels=labels,
            grid=metadata.grid,
            label_set=metadata.label_set,
            stamp=frame.stamp,
            confidence=sure[0] if sure else None,
            observed=observed,
            measured=_measured(now),
            model_id=metadata.model_id,
        )

    @torch.inference_mode()
    def observe(self, frame: Frame) -> None:
        """Remember a frame whose scene is not asked for; nothing is done for a network of single frames.

        Args:
            frame: as for `complete`.
        """
        if not self.history.count:
            return
        now = self._preparer(self._labelled(frame))
        memory = self.network.remember(self._batch(now))
        if memory is None:
            self.complete(frame)
        else:
            self._keep(frame, now, memory)

    def _require_finite(self, output: SceneOutput) -> None:
        """Make sure that a prediction is finite, at some thousands of voxels all over the grid."""
        if output.scene is None:
            return
        size = self.metadata.grid.size
        voxels = torch.arange(0, size, max(1, size // LOOKED_AT), device=self._device)
        if not output.scene.gather(voxels).isfinite().all():
            raise not_finite(self.metadata)

    def _labelled(self, frame: Frame) -> Frame:
        """The frame, with classes of its points if they are needed and it comes without."""
        if self._label and self.reads_classes and frame.points is not None and frame.point_labels is None:
            return replace(frame, point_labels=self._label(frame.points))
        return frame

    def _batch(self, inputs: SceneInputs) -> SceneInputs:
        return {key: value[None].to(self._device) for key, value in inputs.items()}

    def _keep(self, frame: Frame, now: SceneInputs, memory: Tensor | None) -> None:
        """Remember a frame by its memory, or by its image where the network has none."""
        if not self.history.count:
            return
        left_behind: SceneInputs = {key: now[key] for key in ("projection", "stereo_points") if key in now}
        if memory is None:
            left_behind["image"] = now["image"]
        else:
            left_behind["memory"] = self._blank = memory[0].clone()  # else a view may keep much more alive
        self._past.add(frame.stamp, frame.T_world_grid, left_behind)

    def _observed(self, rig: StereoRig) -> NDArray[np.bool_]:
        """View of the left camera; it depends on the calibration alone, so it is computed once for each."""
        if self._view is None or not _same(self._view[0], rig):
            self._view = rig, rig.in_view(self.metadata.grid.centers())
        return self._view[1]


def _measured(inputs: SceneInputs) -> NDArray[np.uint8] | None:
    """Return which voxels stereo has measured, as the network has read it; None where it reads something else."""
    return np.moveaxis(inputs["stereo_voxels"].numpy(), 0, -1) if "stereo_voxels" in inputs else None


def _same(a: StereoRig, b: StereoRig) -> bool:
    return a is b or (
        a.image_size == b.image_size
        and np.array_equal(a.camera_matrix, b.camera_matrix)
        and np.array_equal(a.T_grid_camera, b.T_grid_camera)
    )


def _no_scene(metadata: CheckpointMetadata) -> SscError:
    """The error of a network that completes nothing; the text says what it is for."""
    use = "from which training starts (model.pretrained)"
    if metadata.polar is not None:
        use = "which gives classes to points (evaluate --task segmentation, lidar.segmentation_checkpoint)"
    return SscError(
        f"'{metadata.model_id}' is a checkpoint of {metadata.system}, {use}; it predicts no scene, so choose another "
        "checkpoint"
    )


def not_finite(metadata: CheckpointMetadata) -> SscError:
    """Return the error of a network whose predictions are not finite."""
    return SscError(
        f"checkpoint '{metadata.model_id}' is broken: its weights are finite, but what it predicts of a blank input is "
        "not; take another checkpoint"
    )


def choose_device(name: str) -> torch.device:
    """A device by its name; "auto" is CUDA where there is one.

    Raises:
        SscError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SscError(f"device '{name}' is not one that torch knows; use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SscError(f"device '{name}' was asked for, but torch sees no CUDA GPU; use auto or cpu")
    return device
