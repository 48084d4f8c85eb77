"""From past frames to a volume that joins the current one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import DepthBins
from ssc_ros.networks.dense import dense
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.lift.frustum import frustum_coordinates
from ssc_ros.networks.lift.remembered import Remembered
from ssc_ros.networks.temporal.affinity import CrossFrameAffinity
from ssc_ros.networks.temporal.plane_sweep import plane_sweep, swept_places
from ssc_ros.networks.volume.blocks import Pointwise3d


class BeyondView(nn.Module):
    """Voxels that the current image does not see read the past images that did: nothing can be compared there.

    Args:
        lift: of the past features, into the voxels.
        channels: of the past features.
        out_channels: of the volume that is filled up.
    """

    def __init__(self, lift: LineOfSightLift, channels: int, out_channels: int) -> None:
        super().__init__()
        self.lift, self.project = lift, Pointwise3d(channels, out_channels, bias=False)
        self._visible = Remembered[Tensor]()

    def forward(
        self, volume: Tensor, memory: Tensor, projection: Tensor, past_projection: Tensor, valid: Tensor
    ) -> Tensor:
        """The volume [B, out_channels, X, Y, Z], filled up; the others as for `TemporalBranch`."""
        visible = self._visible(self._see, projection)
        past = self.project(self.lift(memory, past_projection, valid))
        return torch.where(visible, volume, past.to(volume))

    def _see(self, projection: Tensor) -> Tensor:
        """[B, 1, X, Y, Z] bool, which voxels the current image sees."""
        voxels = project_voxels(projection, self.lift.grid)
        return frustum_coordinates(voxels, self.lift.image_size, DepthBins())[1][:, None]


class TemporalBranch(nn.Module):
    """HTCL's: sweep the past over depth planes, weigh it by affinity, refine it, lift it.

    Args:
        planes: depths of the sweep.
        size: (h, w) cells that divide the image, and the matched features.
        image_size: (height, width) [px] of the image that projections refer to.
        kept: channels that are remembered of a frame: each is the mean over a group of matched ones.
        reduce: remembered channels [B, kept, h', w'] -> those that are swept [B, S, h', w'].
        affinity: matched and swept features -> [B, 1, D, h, w].
        refinement: [B, P * S, D, h, w] -> the same.
        frustum: of the product -> [B, F, D, h, w].
        lift: that, and the projection -> a volume.
        beyond: fills the volume up where the current image sees nothing; may be absent.
        volume: convolves the lifted volume -> [B, C, X, Y, Z].
    """

    def __init__(
        self,
        planes: DepthBins,
        size: tuple[int, int],
        image_size: tuple[int, int],
        kept: int,
        *,
        reduce: nn.Module,
        affinity: CrossFrameAffinity,
        refinement: nn.Module,
        frustum: nn.Module,
        lift: nn.Module,
        beyond: BeyondView | None,
        volume: nn.Module,
    ) -> None:
        super().__init__()
        self.planes, self.size, self.image_size, self.kept = planes, size, image_size, kept
        self.reduce, self.affinity, self.refinement, self.frustum = reduce, affinity, refinement, frustum
        self.lift, self.beyond, self.volume = lift, beyond, volume

    def remembered(self, matched: Tensor) -> Tensor:
        """What a later frame wants of this one, [B, M, h', w'] -> [B, kept, h', w'].

        Sweeping is linear: the mean of swept channels is the swept mean of channels.
        """
        return matched.unflatten(1, (self.kept, -1)).mean(dim=2)

    def forward(
        self, matched: Tensor, memory: Tensor, projection: Tensor, past_projection: Tensor, valid: Tensor
    ) -> Tensor:
        """Compare, refine and lift.

        Args:
            matched: [B, M, h', w'] features of the current image.
            memory: [B, P, kept, h', w'] of the past ones.
            projection: [B, 3, 4], grid frame [m] -> homogeneous pixel.
            past_projection: [B, P, 3, 4] the same of the past images, from the current grid frame.
            valid: [B, P] bool, whether there is such an image.

        Returns:
            [B, F, X, Y, Z], what `volume` is given.
        """
        places = swept_places(projection, past_projection, valid, self.planes, self.size, self.image_size)
        reduced = self.reduce(memory.flatten(0, 1)).unflatten(0, valid.shape)
        swept = plane_sweep(reduced, places).flatten(1, 2)
        volume = self.lift(self.compare(matched, swept).movedim(-1, 1), projection)
        if self.beyond is not None:
            volume = self.beyond(volume, memory, projection, past_projection, valid)
        return volume

    @dense
    def compare(self, matched: Tensor, swept: Tensor) -> Tensor:
        """[B, D, h, w, F] of the swept past [B, P * S, D, h, w]: refined, and as far as the current image agrees."""
        current = functional.avg_pool2d(matched, matched.shape[-1] // self.size[1])
        refined = self.refinement(swept)
        frustum: Tensor = self.frustum(self.affinity(current, swept).to(refined) * refined)
        return frustum.movedim(1, -1)


class HistoryMean(nn.Module):
    """SGN's: the mean over all frames, the current one included, of the features that a voxel is seen in.

    Args:
        lift: of the features of all frames.
        volume: convolves the lifted volume -> [B, C, X, Y, Z].
    """

    def __init__(self, lift: LineOfSightLift, volume: nn.Module) -> None:
        super().__init__()
        self.lift, self.volume = lift, volume

    def remembered(self, matched: Tensor) -> Tensor:
        """The features themselves."""
        return matched

    def forward(
        self, matched: Tensor, memory: Tensor, projection: Tensor, past_projection: Tensor, valid: Tensor
    ) -> Tensor:
        """Lift and average; arguments and result as of `TemporalBranch`."""
        features = torch.cat([matched[:, None], memory.to(matched)], dim=1)
        projections = torch.cat([projection[:, None], past_projection], dim=1)
        mean: Tensor = self.lift(features, projections, functional.pad(valid, (1, 0), value=True))
        return mean
