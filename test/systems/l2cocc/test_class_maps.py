"""A class map from outside takes the place of what the segmenter says, cell by cell."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ssc_ros.systems.labelled import TRUST, class_probabilities


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(2, 20, 3, 4, generator=torch.Generator().manual_seed(0))


def test_known_cells_follow_the_map_and_unknown_ones_the_segmenter(logits: Tensor) -> None:
    own = class_probabilities(logits, {})
    classes = torch.full((2, 3, 4), 255, dtype=torch.uint8)
    classes[0, 1, 2], classes[1, 0, 0], classes[1, 2, 3] = 13, 19, 0
    told = class_probabilities(logits, {"image_classes": classes})
    torch.testing.assert_close(told.sum(dim=1), torch.ones(2, 3, 4))
    for (frame, row, column), train_id in (((0, 1, 2), 13), ((1, 0, 0), 19)):
        probabilities = told[frame, :, row, column]
        assert probabilities[train_id] == pytest.approx(TRUST)
        others = probabilities[torch.arange(20) != train_id]
        torch.testing.assert_close(others, torch.full((19,), (1 - TRUST) / 19))
    followed = (classes > 0) & (classes < 20)
    assert followed.sum() == 2
    unknown = ~followed[:, None].expand_as(own)
    assert torch.equal(told[unknown], own[unknown])


def test_a_map_that_knows_nothing_changes_nothing(logits: Tensor) -> None:
    """So samples without a map can be put into a batch with others, if their cells are unknown."""
    nothing = {"image_classes": torch.full((2, 3, 4), 255, dtype=torch.uint8)}
    assert torch.equal(class_probabilities(logits, nothing), class_probabilities(logits, {}))


def test_what_the_map_says_is_not_made_worse(logits: Tensor) -> None:
    inputs = {
        "image_classes": torch.full((2, 3, 4), 9, dtype=torch.uint8),
        "class_noise": 9 * torch.randn(2, 20, 2, 2, generator=torch.Generator().manual_seed(1)),
        "class_scale": torch.tensor([0.5, 2.0]),
    }
    assert torch.all(class_probabilities(logits, inputs)[:, 9] == TRUST)
