"""Dense parts are recorded, replaced, and their results taken apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssc_ros.networks.dense import dense, dense_parts, flatten, rebuild, record
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits


def test_a_result_is_taken_apart_and_put_together_without_its_taps() -> None:
    scene = SubvoxelLogits(torch.ones(1, 3, 2, 2, 2), torch.zeros(1, 8, 2, 2, 2))
    value = (scene, {"tap": torch.ones(1)}, (torch.full((2,), 5.0), None))
    tensors = flatten(value)
    assert [tuple(x.shape) for x in tensors] == [(1, 3, 2, 2, 2), (1, 8, 2, 2, 2), (2,)]
    (other, taps, (five, nothing)) = rebuild(value, (2 * x for x in tensors))
    assert (other.semantic == 2).all()
    assert (other.empty_offset == 0).all()
    assert five.tolist() == [10, 10]
    assert (taps, nothing) == ({}, None)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.compiled = {}

    @dense
    def double(self, x: Tensor) -> Tensor:
        return 2 * x


def test_a_dense_method_is_recorded_and_replaced() -> None:
    outer = nn.Sequential(Twice())
    (part,) = dense_parts(outer)
    assert part.path == "0.double"
    (example,) = record(outer, lambda: [outer[0].double(torch.full((1,), n)) for n in (1.0, 3.0)])
    assert (example.inputs[0].item(), example.output.item(), example.runs) == (3, 6, 2)
    part.replace(lambda x: x + 100)
    assert outer[0].double(torch.ones(1)).item() == 101
    assert part.call(torch.ones(1)).item() == 2
    part.replace(None)
    assert outer[0].double(torch.ones(1)).item() == 2
