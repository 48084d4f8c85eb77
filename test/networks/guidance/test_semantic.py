"""Seeds and what they spread: published sizes, and what happens without any."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.networks.guidance.semantic import SeedRefinement, SemanticGuidance, choose_seeds
from ssc_ros.networks.sparse.volume import SparseVolume

from ..sizes import parameters


@pytest.mark.parametrize(
    ("channels", "published", "block", "fill", "classes"),
    [(128, 2_174_336, 901_888, 16_704, 2_836), (64, 544_448, 225_664, 4_256, 1_428)],
)
def test_seeds_and_semantics_have_the_sizes_counted_in_the_published_code(
    channels: int, published: int, block: int, fill: int, classes: int
) -> None:
    with torch.device("meta"):
        seeds, semantics = SeedRefinement(channels), SemanticGuidance(channels, 20)
    choice_of_scale = 2 * channels * channels + channels  # never called by the published code
    assert parameters(seeds) == published - 2 * choice_of_scale
    assert parameters(seeds.fine) == block
    assert (parameters(semantics.fill), parameters(semantics.classes)) == (fill, classes)


def test_seeds_are_the_proposals_or_what_was_measured_or_everything() -> None:
    shape = (2, 4, 3, 2)
    none = torch.zeros(shape, dtype=torch.bool)
    proposed, measured = none.clone(), none.clone()
    proposed[0, 0, 0] = True  # two voxels of the first scene
    proposed[1, 0, 0, 0] = True  # a single one of the second: too few
    measured[1, 2, 1:] = True
    assert torch.equal(choose_seeds(proposed, measured)[0], proposed[0])
    assert torch.equal(choose_seeds(proposed, measured)[1], measured[1])
    assert choose_seeds(proposed, none)[1].all()
    assert choose_seeds(none).all()


@torch.no_grad()
def test_seeds_are_refined_and_all_others_filled_from_their_own_features() -> None:
    torch.manual_seed(0)
    guidance = SemanticGuidance(8, 5).eval()
    volume, seeds = torch.randn(2, 8, 6, 5, 4), torch.rand(2, 6, 5, 4) < 0.3
    result, refined = guidance(volume, seeds)
    rows = result.movedim(1, -1)
    torch.testing.assert_close(rows[~seeds], guidance.fill(volume.movedim(1, -1)[~seeds]))
    torch.testing.assert_close(rows[seeds], refined.features)
    torch.testing.assert_close(refined.features, guidance.block(SparseVolume.from_dense(volume, seeds)).features)
    assert torch.equal(refined.sites.cells, seeds.flatten().nonzero()[:, 0])
    # a scene knows nothing of the other one of its batch
    torch.testing.assert_close(guidance(volume[1:], seeds[1:])[0], result[1:], atol=1e-5, rtol=1e-5)


def test_every_parameter_of_seeds_learns() -> None:
    torch.manual_seed(0)
    guidance = SemanticGuidance(8, 5)
    volume, refined = guidance(torch.randn(2, 8, 16, 9, 8), torch.rand(2, 16, 9, 8) < 0.3)
    (volume.square().mean() + guidance.classes(refined.features).square().mean()).backward()
    assert [n for n, p in guidance.named_parameters() if not p.grad.abs().sum() > 0] == []
