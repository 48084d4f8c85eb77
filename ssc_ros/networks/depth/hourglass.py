"""A two-level encoder-decoder with skips, on images or on volumes (as in PSMNet, Chang & Chen 2018)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def conv_group_norm(
    dimensions: int, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    """Convolution and group norm of two groups; keeps the size at stride 1."""
    convolution = CONVOLUTION[dimensions](in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(2, out_channels))


class Hourglass(nn.Module):
    """Halve the size and double the channels twice, and come back.

    Args:
        dimensions: 2 for images, 3 for volumes.
        channels: of input and output.
    """

    def __init__(self, dimensions: int, channels: int) -> None:
        super().__init__()

        def down(in_channels: int) -> nn.Sequential:
            out_channels = 2 * in_channels
            return nn.Sequential(
                conv_group_norm(dimensions, in_channels, out_channels, stride=2),
                nn.ReLU(inplace=True),
                conv_group_norm(dimensions, out_channels, out_channels),
                nn.ReLU(inplace=True),
            )

        self.down = nn.ModuleList([down(channels), down(2 * channels)])
        self.skip = nn.ModuleList(conv_group_norm(dimensions, n, n, kernel=1) for n in (channels, 2 * channels))
        self.up = nn.ModuleList(TRANSPOSED[dimensions](2 * n, n, 3, 2, 1, bias=False) for n in (channels, 2 * channels))
        self.norm = nn.ModuleList(BATCH_NORM[dimensions](n) for n in (channels, 2 * channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, ...] -> the same shape, of any size."""
        half = self.down[0](x)
        quarter = self.down[1](half)
        return self._join(0, x, self._join(1, half, quarter))

    def _join(self, level: int, fine: Tensor, coarse: Tensor) -> Tensor:
        # an odd size has two preimages under the stride: the skip decides
        grown = self.up[level](coarse, output_size=list(fine.shape[2:]))
        return functional.relu(self.norm[level](grown) + self.skip[level](fine))
