"""A LiDAR sweep in, a class for each of its points out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssc_ros.core import EMPTY, SscError
from ssc_ros.inference.backends.backend import AUTO, Backend, calculates_in_bfloat16
from ssc_ros.inference.backends.parity import REQUIRED, SURE
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint
from ssc_ros.inference.completer import choose_device, not_finite
from ssc_ros.networks.heads.point_logits import PointLogits, best_class
from ssc_ros.networks.reparameterize import fuse
from ssc_ros.systems import SceneNetwork, SceneOutput

_LOG = logging.getLogger(__name__)

MIRRORS = ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0))
"""Signs of x and y in each vote: the sweep as it is, then what is seen in a mirror along it, across it, and in both."""

LARGE, SMALL = BACKENDS = Backend().name, Backend(precision="bf16").name
"""Single precision, and bfloat16 by autocast."""


@dataclass(frozen=True)
class SegmentedPoints:
    """Classes of the N points of a sweep, in the order of the sweep.

    Attributes:
        labels: (N,) uint8 train ids; 0, unlabelled, at points that are not finite or a kilometre away.
        confidence: (N,) float32, the probability of the label, 0 where there is none; None if not asked for.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32] | None = None


class PointSegmenter:
    """Runs a checkpoint that tells the classes of points. Not thread-safe: one thread at a time.

    Attributes:
        metadata: what the checkpoint says of itself.
        backend: "torch", or "torch-bf16" by autocast.
    """

    def __init__(
        self, network: SceneNetwork, metadata: CheckpointMetadata, device: str = "auto", backend: str = "torch"
    ) -> None:
        self.metadata = metadata
        self._device = choose_device(device)
        self._network = network.eval().to(self._device)
        self.backend = self._choose(backend)

    @classmethod
    def from_checkpoint(
        cls, path: Path, device: str = "auto", threads: int | None = None, backend: str = "torch"
    ) -> PointSegmenter:
        """Open a checkpoint.

        Args:
            path: a `.safetensors` file; nothing else is needed beside it.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threads: CPU threads of torch, or None to leave the process as it is.
            backend: "torch", "torch-bf16", or "auto": in bfloat16 where the CPU calculates in it and its labels agree.

        Raises:
            SscError: a file, device or backend that cannot be used, a network that gives no classes to points, or
                labels in bfloat16, asked for by name, that are not those in single precision.
        """
        if threads:
            torch.set_num_threads(threads)
        network, metadata = load_checkpoint(path)
        if metadata.polar is None:
            raise SscError(
                f"'{path}' is a checkpoint of {metadata.system}, which gives no classes to points; take one of "
                "polarnet or cylinder3d"
            )
        return cls(fuse(network), metadata, device, backend)

    def warm_up(self) -> None:
        """Segment one made-up sweep, so that the first real one is not slower than the rest.

        Raises:
            SscError: values that are not finite.
        """
        sweep = np.random.default_rng(0).uniform((-50, -50, -2, 0), (50, 50, 1, 1), (100_000, 4)).astype(np.float32)
        looking = self._network.register_forward_hook(lambda network, given, output: self._require_finite(output))
        try:
            self.segment(sweep)
        finally:
            looking.remove()

    @torch.inference_mode()
    def segment(self, points: NDArray[np.float32], *, confidence: bool = False, votes: int = 1) -> SegmentedPoints:
        """Classes of the points of a sweep.

        Args:
            points: (N, 4) float32: x, y, z [m] in the LiDAR frame and reflectance in 0..1. Points that are not finite
                are unlabelled; a reflectance that is not finite counts as 0.
            confidence: whether to compute it.
            votes: 1 to 4, how many mirror images of the sweep vote with their probabilities; the first is the sweep.

        Raises:
            SscError: points of another shape, or as many votes as there are no mirrors for.
        """
        if points.ndim != 2 or points.shape[1] != 4:
            raise SscError(f"points have shape {points.shape}, expected (N, 4): x, y, z, reflectance")
        if not 1 <= votes <= len(MIRRORS):
            raise SscError(f"{votes} votes were asked for; there are 1 to {len(MIRRORS)}")
        cloud = torch.tensor(points, dtype=torch.float32, device=self._device)
        cloud[:, 3].nan_to_num_(0.0, 0.0, 0.0)
        seen = [self._points(cloud * cloud.new_tensor([*signs, 1, 1])) for signs in MIRRORS[:votes]]
        labels, certain = _decide(seen, confidence)
        return SegmentedPoints(labels.cpu().numpy(), None if certain is None else certain.cpu().numpy())

    def labels(self, points: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Classes alone, see `segment`; for a completer that reads them."""
        return self.segment(points).labels

    def _require_finite(self, output: SceneOutput) -> None:
        if output.points is not None and not output.points.cells.isfinite().all():
            raise not_finite(self.metadata)

    def _points(self, cloud: Tensor, *, small: bool | None = None) -> PointLogits:
        """Logits of a sweep (N, 4), calculated in bfloat16 or, if not `small`, in single precision."""
        small = self.backend == SMALL if small is None else small
        with torch.autocast(self._device.type, torch.bfloat16, enabled=small):
            predicted: PointLogits | None = self._network({"cloud": cloud[None]}).points
        assert predicted is not None, "a network with a polar grid gives classes to points"
        return predicted

    def _choose(self, backend: str) -> str:
        """What runs the network: see `from_checkpoint`."""
        if backend not in (AUTO, *BACKENDS):
            raise SscError(f"classes of points are found by torch alone; backend '{backend}' is not one of {BACKENDS}")
        if backend == LARGE or (backend == AUTO and not (self._device.type == "cpu" and calculates_in_bfloat16())):
            return LARGE
        agreement = self._agreement()
        if agreement >= REQUIRED["bf16"]:
            return SMALL
        reason = (
            f"backend '{SMALL}' is refused: {agreement:.2%} of the points that torch is sure of get the same label, "
            f"{REQUIRED['bf16']:.2%} are expected"
        )
        if backend == SMALL:
            raise SscError(reason)
        _LOG.warning("%s; trying %s", reason, LARGE)
        return LARGE

    @torch.inference_mode()
    def _agreement(self) -> float:
        """Of the points of a made sweep whose label is the more probable half in single precision, the share that gets
        it in bfloat16; 1 if there are none.
        """
        cloud = synthetic_inputs(self._network.spec)["cloud"][0].to(self._device)
        large, small = (self._points(cloud, small=small) for small in (False, True))
        same = (large.labels() == small.labels())[large.confidence() >= SURE / 255]
        return float(same.float().mean()) if same.numel() else 1.0


def _decide(seen: Sequence[PointLogits], confidence: bool) -> tuple[Tensor, Tensor | None]:
    """Labels (N,), and their probabilities where asked for, of one or more predictions for a sweep."""
    if len(seen) == 1:
        return seen[0].labels()[0], seen[0].confidence()[0] if confidence else None
    certain, labels = best_class(torch.stack([vote.probability()[0] for vote in seen]).mean(dim=0))
    return torch.where(seen[0].rows[0] >= 0, labels, EMPTY), certain if confidence else None
