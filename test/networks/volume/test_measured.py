"""What is measured joins the volume."""

from __future__ import annotations

import torch
from torch import nn

from ssc_ros.networks.volume.measured import MeasuredFusion


def normalized(volume: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    """As a network of volumes normalises, by numbers that are not those of the start."""
    for statistic in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        nn.init.uniform_(statistic, 0.5, 2)
    return nn.functional.batch_norm(volume, norm.running_mean, norm.running_var, norm.weight, norm.bias)


def test_what_is_measured_joins_as_a_projection_of_the_concatenation() -> None:
    torch.manual_seed(0)
    fusion = MeasuredFusion(5, 3, (4, 2, 6)).eval()
    for axis, place in enumerate(fusion.place):
        nn.init.normal_(place)
        assert place.shape[1 + axis] == (4, 2, 6)[axis]
    lifted, measured = torch.randn(2, 5, 4, 2, 6), torch.randint(2, (2, 8, 4, 2, 6), dtype=torch.uint8)
    weight = torch.cat([fusion.lifted.weight, fusion.measured.weight], dim=1)[:, :, None, None, None]
    projected = nn.functional.conv3d(torch.cat([lifted, measured.float()], dim=1), weight)
    expected = normalized(projected + fusion.place[0] + fusion.place[1] + fusion.place[2], fusion.norm).relu()
    torch.testing.assert_close(fusion(lifted, measured), expected)


def test_classes_join_as_an_embedding_of_every_voxel_that_has_one() -> None:
    torch.manual_seed(0)
    fusion = MeasuredFusion(5, 3, (4, 2, 6), parts=16, classes=7).eval()
    lifted, measured = torch.randn(2, 5, 4, 2, 6), torch.randint(2, (2, 16, 4, 2, 6), dtype=torch.uint8)
    classes = torch.randint(7, (2, 4, 2, 6), dtype=torch.uint8)
    weight = torch.cat([fusion.lifted.weight, fusion.measured.weight], dim=1)[:, :, None, None, None]
    projected = nn.functional.conv3d(torch.cat([lifted, measured.float()], dim=1), weight)
    embedded = fusion.classes(classes.long()) * (classes != 0)[..., None]
    expected = normalized(projected + embedded.movedim(-1, 1), fusion.norm).relu()
    torch.testing.assert_close(fusion(lifted, measured, classes), expected)
    assert (classes == 0).any()
    fusion(lifted, measured, classes).sum().backward()
    assert [bool(row.any()) for row in fusion.classes.weight.grad] == [False] + 6 * [True]
