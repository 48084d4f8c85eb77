"""A completion at a coarser resolution than its volume has, for networks that must be fast."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.networks.volume.blocks import Pointwise3d


class Coarsened(nn.Module):
    """A body that works on fewer voxels and sees farther; a shortcut keeps what is fine.

    A projection of the input is folded into larger voxels by a strided convolution; what the body makes of them is
    unfolded and added to the projection.

    Args:
        body: [B, width, X', Y', Z'] -> the same.
        in_channels, out_channels: channels of the volume before and after.
        width: of the body.
        fold: how many voxels along each axis go into one of the body's.
    """

    def __init__(
        self, body: nn.Module, in_channels: int, out_channels: int, width: int, fold: tuple[int, int, int] = (2, 2, 2)
    ) -> None:
        super().__init__()
        self.entry = Pointwise3d(in_channels, out_channels)
        self.fold = nn.Conv3d(out_channels, width, fold, stride=fold)
        self.body = body
        self.unfold = nn.ConvTranspose3d(width, out_channels, fold, stride=fold)

    def forward(self, volume: Tensor, join: Callable[[Tensor], Tensor] = lambda coarse: coarse) -> Tensor:
        """Complete.

        Args:
            volume: [B, in_channels, X, Y, Z], multiples of what is folded.
            join: what else happens to what the body makes, [B, width, X', Y', Z'].

        Returns:
            [B, out_channels, X, Y, Z].
        """
        entered = self.entry(volume)
        return functional.relu(entered + self.unfold(join(self.body(self.fold(entered)))))
