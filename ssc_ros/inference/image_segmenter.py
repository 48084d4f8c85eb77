"""A frame in, the classes of what its left image shows out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ssc_ros.core import EMPTY, Frame, SscError
from ssc_ros.inference.checkpoint import CheckpointMetadata, load_checkpoint
from ssc_ros.inference.completer import choose_device
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.networks.reparameterize import fuse
from ssc_ros.systems import SceneNetwork


@dataclass(frozen=True)
class SegmentedImage:
    """Classes of the left image of a frame.

    Attributes:
        logits: [C, h, w] float32 of the image cells, h and w at most the image's height and width.
        image_size: (height, width) [px] of the image.
    """

    logits: Tensor
    image_size: tuple[int, int]

    def probabilities(self, pixels: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the class probabilities of measured points, interpolated between image cells.

        A measured point is not the sky, so class 0 has probability 0.

        Args:
            pixels: (N, 2) as (u, v) in the image; an integer is the centre of a pixel. Outside of the image the nearest
                cell counts.

        Returns:
            (N, C) float32, each row with the sum 1.
        """
        height, width = self.image_size
        scale = torch.tensor([2 / width, 2 / height], dtype=torch.float64)
        places = (torch.from_numpy(np.asarray(pixels, np.float64)) + 0.5) * scale - 1
        grid = places.to(self.logits)[None, None]
        sampled = functional.grid_sample(self.logits[None], grid, padding_mode="border", align_corners=False)[0, :, 0].T
        sampled[:, EMPTY] = -torch.inf
        return sampled.softmax(dim=1).cpu().numpy()

    def classes(self, pixels: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Return the train id (N,) of the most probable class of each measured point; see `probabilities`."""
        return np.asarray(self.probabilities(pixels).argmax(axis=1), np.uint8)

    def map(self) -> NDArray[np.uint8]:
        """Return the train id of each image cell (h, w), 0 where it shows the sky."""
        return np.asarray(self.logits.argmax(dim=0).cpu(), np.uint8)


class ImageSegmenter:
    """Runs a checkpoint that tells the classes of image cells. Not thread-safe: one thread at a time.

    Attributes:
        metadata: what the checkpoint says of itself.
    """

    def __init__(self, network: SceneNetwork, metadata: CheckpointMetadata, device: str = "auto") -> None:
        self.metadata = metadata
        self._device = choose_device(device)
        self._network = network.eval().to(self._device)
        self._prepare = InputPreparer(network.spec)

    @classmethod
    def from_checkpoint(cls, path: Path, device: str = "auto", threads: int | None = None) -> ImageSegmenter:
        """Open a checkpoint.

        Args:
            path: a `.safetensors` file; nothing else is needed beside it.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", ...
            threads: CPU threads of torch, or None to leave the process as it is.

        Raises:
            SscError: a file or device that cannot be used, or a network that completes scenes or labels points.
        """
        if threads:
            torch.set_num_threads(threads)
        network, metadata = load_checkpoint(path)
        if network.completes or metadata.polar is not None:
            raise SscError(
                f"'{path}' is a checkpoint of {metadata.system}, which gives no classes to pixels; take one of "
                "segmenter"
            )
        return cls(fuse(network), metadata, device)

    @torch.inference_mode()
    def segment(self, frame: Frame) -> SegmentedImage:
        """Tell the classes of what the left image shows.

        Raises:
            SscError: the frame lacks what the network reads.
        """
        inputs = {key: value[None].to(self._device) for key, value in self._prepare(frame).items()}
        logits = self._network(inputs).image
        assert logits is not None, "a network that neither completes a scene nor labels points labels image cells"
        return SegmentedImage(logits[0].float(), frame.rig.image_size)
