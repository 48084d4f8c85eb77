"""Augmentation: probabilities are kept, and everything else stays what it was."""

from __future__ import annotations

import pytest
import tiny_street
import torch

from ssc_ros.training.mirror import mirror_sample
from ssc_ros.training.scene_augmentation import SceneAugmentation, color_factors, recolor
from ssc_ros.training.scene_sample import SceneSample
from ssc_ros.training.scenes import Scenes

GRID = tiny_street.GRID


@pytest.fixture
def sample(scenes: Scenes) -> SceneSample:
    return scenes[0]


def test_a_sample_of_one_sensor_is_augmented_alone(sample: SceneSample) -> None:
    points = sample._replace(inputs={"points": sample.inputs["points"]})
    assert mirror_sample(points, GRID).inputs.keys() == {"points"}
    changed = SceneAugmentation(flip=1)(points, GRID, torch.Generator())
    assert torch.equal(changed.inputs["points"], mirror_sample(sample, GRID).inputs["points"])
    assert torch.equal(changed.truth.labels, sample.truth.labels.flip(1))


def test_nothing_happens_to_a_sample_without_augmentation(sample: SceneSample) -> None:
    kept = SceneAugmentation(flip=0, color=0)(sample, GRID, torch.Generator())
    assert kept.inputs.keys() == sample.inputs.keys()
    assert all(torch.equal(kept.inputs[key], value) for key, value in sample.inputs.items())


def test_probabilities_are_kept(sample: SceneSample) -> None:
    augment = SceneAugmentation(flip=0.25, color=0)
    flips = 0
    for seed in range(400):
        result = augment(sample, GRID, torch.Generator().manual_seed(seed))
        flips += not torch.equal(result.truth.labels, sample.truth.labels)
    assert abs(flips - 100) < 35  # four standard deviations of a binomial of 400


def test_a_hidden_sweep_is_an_empty_one_and_nothing_else_changes(sample: SceneSample) -> None:
    voxels = torch.ones(8, 2, 2, 2, dtype=torch.uint8)
    sample = sample._replace(inputs=sample.inputs | {"lidar_voxels": voxels, "lidar_classes": voxels[0]})
    augment, seen = SceneAugmentation(flip=0, color=0, hide_sweep=0.25), 0
    for seed in range(400):
        inputs = augment(sample, GRID, torch.Generator().manual_seed(seed)).inputs
        assert inputs["lidar_voxels"].any() == inputs["lidar_classes"].any()
        assert inputs["stereo_voxels"] is sample.inputs["stereo_voxels"]
        seen += bool(inputs["lidar_voxels"].any())
    assert abs(seen - 300) < 35


def test_recoloring_by_ones_is_the_identity_and_grey_stays_grey() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(256, (3, 8, 16), generator=generator, dtype=torch.uint8)
    assert torch.equal(recolor(image, color_factors(0.0, generator)), image)
    factors = color_factors(0.3, generator)
    assert ((factors > 1 / 1.3) & (factors < 1.3)).all()
    changed = recolor(image, factors)
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, image)
    grey = recolor(image[:1].expand(3, -1, -1), factors)
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[0], grey[2])
    several = recolor(torch.stack([image, image.flip(-1)]), factors)  # each image has its own mean grey
    assert torch.equal(several, torch.stack([changed, changed.flip(-1)]))
