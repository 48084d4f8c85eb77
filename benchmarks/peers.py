"""What published networks take on a CPU, by their authors' own code.

With CPU stand-ins for its CUDA operations, measured on the same kind of machine as docs/performance.md, two cores of an
AMD EPYC under torch 2.13: two threads, batch 1, single precision, random weights, KITTI's frame 08/000000; medians of
six.
"""

from __future__ import annotations

from dataclasses import dataclass

PRODUCT = "product of 4096 x 4096 matrices"
CONVOLUTION = "3 x 3 x 3 convolution, 128 channels, 128 x 128 x 16 voxels"
CONVOLUTION_LAST = "the same, channels last"
SPEEDS = {PRODUCT: 202, CONVOLUTION: 379, CONVOLUTION_LAST: 440}
"""What that machine did in a second [GFLOPs], two threads, single precision."""

OFFLINE_STEREO = 24.04
"""One pair by MobileStereoNet (MSNet3D), whose depth maps SGN and L2COcc-C read from files [s]."""


@dataclass(frozen=True)
class Peer:
    """One published network.

    Attributes:
        name: of its authors.
        model: from input tensors to the model's output [s].
        stereo: for the depth map of a new pair, where it reads one [s].
    """

    name: str
    model: float
    stereo: float = 0.0

    @property
    def whole(self) -> float:
        """With its stereo [s]."""
        return self.model + self.stereo


PEERS = {
    peer.name: peer
    for peer in (
        Peer("MonoScene", 11.51),
        Peer("SGN-T", 14.33, OFFLINE_STEREO),
        Peer("SGN-S", 10.62, OFFLINE_STEREO),
        Peer("SGN-L", 6.74, OFFLINE_STEREO),
        Peer("L2COcc-C", 10.00, OFFLINE_STEREO),
        Peer("L2COcc-L", 6.88),
        Peer("VLScene", 25.75),
        Peer("HTCL", 40.82),
        Peer("PolarNet", 1.64),
        Peer("Cylinder3D", 6.88),
    )
}
