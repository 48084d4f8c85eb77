"""The objective: voxels drawn fairly, terms that add up, and nothing breaks on a scene without truth."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ssc_ros.core import DepthBins
from ssc_ros.losses import sem_scal
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits
from ssc_ros.systems import SceneOutput
from ssc_ros.training.objective import Objective, draw_voxels, emptiness
from ssc_ros.training.sample import SceneTruth

BINS = DepthBins(1.0, 0.5, 8)


def random_output(seed: int = 0) -> SceneOutput:
    generator = torch.Generator().manual_seed(seed)
    semantic, offset = (torch.randn(2, n, 4, 6, 3, generator=generator, requires_grad=True) for n in (20, 8))
    depth, image = (torch.randn(2, n, 3, 5, generator=generator, requires_grad=True) for n in (BINS.count, 20))
    return SceneOutput(SubvoxelLogits(semantic, offset), depth, image)


def random_truth() -> SceneTruth:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 23, (2, 8, 12, 6), generator=generator)
    labels[labels > 19] = 255
    image = torch.randint(0, 20, (2, 3, 5), generator=generator)
    return SceneTruth(labels.to(torch.uint8), 5 * torch.rand(2, 3, 5, generator=generator), image.to(torch.uint8))


def test_drawn_voxels_are_those_of_the_dense_logits() -> None:
    output, truth = random_output(), random_truth()
    logits, labels = draw_voxels(output.scene, truth.labels, 5000, torch.Generator().manual_seed(0))
    assert logits.shape == (5000, 20)
    assert (labels != 255).all()
    dense = output.scene.dense().movedim(1, -1).reshape(-1, 20)
    # every drawn row is a row of the dense volume with that label, and with 5000 draws every voxel turns up
    known = truth.labels.reshape(-1) != 255
    rows = {(tuple(r), int(c)) for r, c in zip(dense[known].tolist(), truth.labels.reshape(-1)[known], strict=True)}
    drawn = {(tuple(r), int(c)) for r, c in zip(logits.tolist(), labels, strict=True)}
    assert drawn <= rows
    assert len(drawn) > 0.95 * len(rows)


def test_draws_estimate_the_loss_of_the_whole_scene() -> None:
    output, truth = random_output(), random_truth()
    whole = sem_scal(output.scene.dense(), truth.labels)
    drawn = sem_scal(*draw_voxels(output.scene, truth.labels, 200_000, torch.Generator().manual_seed(0)))
    assert drawn.item() == pytest.approx(whole.item(), rel=0.01)


def test_unknown_voxels_are_pulled_to_empty_and_known_ones_are_not_asked() -> None:
    output, truth = random_output(), random_truth()
    logits, labels = draw_voxels(output.scene, truth.labels, 1000, torch.Generator().manual_seed(0), unknown=True)
    assert (labels == 255).all()
    assert emptiness(torch.zeros(7, 20)).item() == pytest.approx(math.log(20))
    assert emptiness(torch.zeros(0, 20)).item() == 0
    emptiness(logits).backward()
    downhill = -output.scene.semantic.grad
    assert (downhill[:, 0] >= 0).all()  # towards empty, at the cost of every other class
    assert (downhill[:, 1:] <= 0).all()
    assert downhill[:, 0].sum() > 0


SCENE_TERMS = {"cross_entropy", "sem_scal", "geo_scal", "lovasz", "unknown"}
ALL = Objective(lovasz=1.0, voxels=500)


def terms(objective: Objective, output: SceneOutput) -> dict[str, torch.Tensor]:
    return objective(output, random_truth(), BINS, torch.ones(20), torch.Generator().manual_seed(0))


def test_each_term_is_its_weight_times_the_same_and_zero_weights_vanish() -> None:
    output = random_output()
    full = terms(ALL, output)
    assert full.keys() == SCENE_TERMS | {"depth", "image"}
    for name, value in full.items():
        weight = getattr(ALL, name)
        assert value.item() > 0, name
        tripled = terms(replace(ALL, **{name: 3 * weight}), output)
        assert tripled[name].item() == pytest.approx(3 * value.item(), rel=1e-6)
        assert terms(replace(ALL, **{name: 0.0}), output).keys() == full.keys() - {name}


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ({"scene": None}, {"depth", "image"}),  # the image branch alone
        ({"depth": None, "image": None}, SCENE_TERMS),  # a network that reads no images
    ],
    ids=["image branch", "LiDAR"],
)
def test_only_what_is_predicted_is_judged(missing, expected) -> None:
    whole = terms(ALL, random_output())
    part = terms(ALL, replace(random_output(), **missing))
    assert part.keys() == expected
    assert all(value.item() == pytest.approx(whole[name].item()) for name, value in part.items())


def test_a_scene_without_truth_teaches_nothing_but_emptiness() -> None:
    output = random_output()
    nothing = SceneTruth(
        torch.full((2, 8, 12, 6), 255, dtype=torch.uint8),
        torch.zeros(2, 3, 5),
        torch.full((2, 3, 5), 255, dtype=torch.uint8),
    )
    objective = Objective(lovasz=1.0, unknown=0.0)
    terms = objective(output, nothing, BINS, torch.ones(20), torch.Generator())
    assert terms.keys() == SCENE_TERMS - {"unknown"} | {"depth", "image"}
    loss = torch.stack(list(terms.values())).sum()
    loss.backward()
    assert loss.item() == 0
    for tensor in (output.scene.semantic, output.scene.empty_offset, output.depth, output.image):
        assert tensor.grad is None or (tensor.grad == 0).all()
