"""Batch norm of features on sites."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SiteBatchNorm(nn.BatchNorm1d):
    """Batch norm over the sites of all samples, [N, C]; parameters and state are those of `nn.BatchNorm1d`.

    Fewer than two sites have no variance to normalise by: their statistics are the running ones, in training too.
    """

    def forward(self, features: Tensor) -> Tensor:
        """[N, C] -> the same."""
        if len(features) > 1:
            return super().forward(features)
        return functional.batch_norm(
            features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )
