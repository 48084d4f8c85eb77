"""A completion at half the resolution of its volume, for networks that must be fast."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import Pointwise3d


class Coarsened(nn.Module):
    """A body that works on an eighth of the voxels and sees twice as far; a shortcut keeps what is fine.

    A projection of the input is folded into voxels of twice the size by a strided convolution; what the body makes of
    them is unfolded and added to the projection.

    Args:
        body: [B, width, X / 2, Y / 2, Z / 2] -> the same.
        inputs, outputs: channels of the volume before and after.
        width: of the body.
    """

    def __init__(self, body: nn.Module, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.entry = Pointwise3d(inputs, outputs)
        self.fold = nn.Conv3d(outputs, width, 2, stride=2)
        self.body = body
        self.unfold = nn.ConvTranspose3d(width, outputs, 2, stride=2)

    def forward(self, volume: Tensor, join: Callable[[Tensor], Tensor] = lambda coarse: coarse) -> Tensor:
        """Complete.

        Args:
            volume: [B, inputs, X, Y, Z] with even sizes.
            join: what else happens to what the body makes, [B, width, X / 2, Y / 2, Z / 2].

        Returns:
            [B, outputs, X, Y, Z].
        """
        entered = self.entry(volume)
        return functional.relu(entered + self.unfold(join(self.body(self.fold(entered)))))
