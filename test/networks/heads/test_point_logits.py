"""Points have what their cells have."""

from __future__ import annotations

import math

import pytest
import torch

from ssc_ros.networks.heads.point_logits import PointLogits
from ssc_ros.networks.sparse.sites import Sites


def logits() -> PointLogits:
    """Three cells; six points in two sweeps, one of them padding."""
    cells = torch.tensor([[9.0, 1.0, 2.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    rows = torch.tensor([[0, 0, 1], [2, 2, -1]])
    return PointLogits(cells, Sites(torch.tensor([3, 5, 20]), (2, 4, 2), 2), rows)


def test_points_have_the_logits_of_their_cells_and_never_the_class_unlabelled() -> None:
    points = logits()
    assert points.labels().tolist() == [[2, 2, 1], [2, 2, 0]]
    assert points.dense()[0, 1].tolist() == [9.0, 1.0, 2.0]
    assert points.dense()[1, 2].tolist() == [0.0, 0.0, 0.0]
    probability = math.exp(2) / (math.exp(9) + math.exp(1) + math.exp(2))
    assert points.confidence()[0, 0].item() == pytest.approx(probability)
    assert points.confidence()[1, 2] == 0
    sums = points.probability().sum(dim=2)
    torch.testing.assert_close(sums, torch.tensor([[1.0, 1, 1], [1, 1, 0]]))


def test_the_truth_of_a_cell_is_what_most_of_its_labelled_points_are() -> None:
    rows = torch.tensor([[0, 0, 0, 0, 1, 1, -1], [2, 2, 3, 3, 3, 3, 3]])
    labels = torch.tensor([[0, 0, 0, 2, 0, 0, 1], [2, 1, 1, 2, 2, 1, 2]], dtype=torch.uint8)
    points = PointLogits(torch.zeros(4, 3), Sites(torch.arange(4), (2, 2, 1), 1), rows)
    assert points.truth(labels).tolist() == [2, 0, 1, 2]
