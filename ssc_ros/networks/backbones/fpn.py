"""The finest level of a feature pyramid network in its published form (Lin et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional


class Fpn(nn.Module):
    """Each level is brought to one width and the next coarser one, enlarged, is added; the finest is smoothed.

    The convolutions have biases and no norm, and nearest neighbours enlarge; `residual.TopDownNeck` is the form that
    is trained from scratch. Coarser outputs, which no system reads, are not computed.

    Args:
        widths: channels of the pyramid, finest first.
        out_channels: channels of the result.
        start: the level that becomes the finest; those before it are not looked at.
    """

    def __init__(self, widths: Sequence[int], out_channels: int, start: int = 0) -> None:
        super().__init__()
        self.start = start
        self.lateral = nn.ModuleList(nn.Conv2d(width, out_channels, 1) for width in widths[start:])
        self.smooth = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Pyramid, finest first -> [B, out_channels, h, w] at the size of level `start`."""
        levels = [lateral(x) for lateral, x in zip(self.lateral, pyramid[self.start :], strict=True)]
        x = levels[-1]
        for finer in reversed(levels[:-1]):
            x = finer + functional.interpolate(x, size=finer.shape[-2:], mode="nearest")
        return self.smooth(x)
