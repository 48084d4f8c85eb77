"""The fusion of a student's features with a teacher's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.distillation.fusion import GatedFusion, UnitReading


def test_the_fusion_is_the_gated_sum_that_the_paper_writes() -> None:
    torch.manual_seed(0)
    fusion = GatedFusion(8, 12, 5, copies=False)
    f, logits = torch.randn(2, 8, 6, 10), 5 * torch.randn(2, 5, 6, 10)
    v = functional.normalize(torch.randn(2, 12, 6, 10), dim=1)
    result = fusion(f, v, logits)

    def linear(layer: nn.Module, x: Tensor) -> Tensor:
        return layer.weight[:, :, 0, 0].double() @ x + layer.bias.double()[:, None]

    for b in range(2):
        ours, theirs, classes = (x[b].flatten(1).double() for x in (f, v, logits))
        probabilities = classes.exp() / classes.exp().sum(dim=0)
        e = linear(fusion.mix[2], linear(fusion.mix[0], torch.cat([ours, theirs, probabilities])).clamp(min=0))
        expected = torch.zeros_like(ours)
        for adapt, gate, x in (
            (fusion.adapt_joint, fusion.gate_joint, e),
            (fusion.adapt_student, fusion.gate_student, ours),
        ):
            adapted = linear(adapt, x)
            expected += adapted / (1 + (-linear(gate, adapted.mean(dim=1, keepdim=True))).exp())
        torch.testing.assert_close(result[b].flatten(1), expected.float(), atol=1e-5, rtol=1e-4)


def test_a_reading_has_a_fixed_gain() -> None:
    torch.manual_seed(0)
    reading = UnitReading(3, 4)
    with torch.no_grad():
        reading.weight *= 100
    x = torch.randn(2, 3, 5, 6)
    own = reading(x)
    assert (own.abs() <= x.norm(dim=1, keepdim=True) + 1e-5).all()  # Cauchy-Schwarz with rows of length one
    torch.testing.assert_close(reading(3 * x), 3 * own)
    row = reading.weight[1] / reading.weight[1].norm()
    torch.testing.assert_close(reading(row[None, :, None, None])[0, 1], torch.ones(1, 1))
