"""The objective: voxels drawn fairly, terms that add up, and nothing breaks on a scene without truth."""

from __future__ import annotations

import math

import pytest
import torch

from ssc_ros.core import DepthBins
from ssc_ros.losses import sem_scal
from ssc_ros.networks.heads.subvoxel import SceneLogits
from ssc_ros.systems import SceneOutput
from ssc_ros.training.objective import Objective, draw_voxels, emptiness
from ssc_ros.training.sample import SceneTruth

BINS = DepthBins(1.0, 0.5, 8)


def random_output(seed: int = 0) -> SceneOutput:
    generator = torch.Generator().manual_seed(seed)
    semantic, offset = (torch.randn(2, n, 4, 6, 3, generator=generator, requires_grad=True) for n in (20, 8))
    depth, image = (torch.randn(2, n, 3, 5, generator=generator, requires_grad=True) for n in (BINS.count, 20))
    return SceneOutput(SceneLogits(semantic, offset), depth, image)


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


def test_terms_add_up_and_zero_weights_vanish() -> None:
    output, truth, weights = random_output(), random_truth(), torch.ones(20)

    def terms(objective: Objective) -> dict[str, torch.Tensor]:
        return objective(output, truth, BINS, weights, torch.Generator().manual_seed(0))

    full = terms(Objective(lovasz=1.0, voxels=500))
    assert full.keys() == {"loss", "cross_entropy", "sem_scal", "geo_scal", "lovasz", "unknown", "depth", "image"}
    assert full["loss"].item() == pytest.approx(sum(v.item() for k, v in full.items() if k != "loss"), rel=1e-5)
    doubled = terms(Objective(sem_scal=2.0, lovasz=0.0, depth=0.0, voxels=500))
    assert doubled["sem_scal"].item() == pytest.approx(2 * full["sem_scal"].item(), rel=1e-6)
    assert doubled.keys() == {"loss", "cross_entropy", "sem_scal", "geo_scal", "unknown", "image"}


def test_a_scene_without_truth_teaches_nothing_but_emptiness() -> None:
    output = random_output()
    nothing = SceneTruth(
        torch.full((2, 8, 12, 6), 255, dtype=torch.uint8),
        torch.zeros(2, 3, 5),
        torch.full((2, 3, 5), 255, dtype=torch.uint8),
    )
    loss = Objective(lovasz=1.0, unknown=0.0)(output, nothing, BINS, torch.ones(20), torch.Generator())["loss"]
    loss.backward()
    assert loss.item() == 0
    for tensor in (output.scene.semantic, output.scene.empty_offset, output.depth, output.image):
        assert tensor.grad is None or (tensor.grad == 0).all()
