"""Augmentation: probabilities are kept, and everything else stays what it was."""

from __future__ import annotations

import pytest
import tiny_street
import torch

from ssc_ros.systems.labelled import class_probabilities
from ssc_ros.training.mirror import mirror_sample
from ssc_ros.training.scene_augmentation import SceneAugmentation, color_factors, recolor, worse_classes, wrong_blocks
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


def test_images_of_a_sample_are_relit_alike(sample: SceneSample) -> None:
    image = sample.inputs["image"]
    sample = sample._replace(inputs=sample.inputs | {"past_image": torch.stack([image, image])})
    inputs = SceneAugmentation(flip=0, color=0, photometry=1)(sample, GRID, torch.Generator().manual_seed(3)).inputs
    assert inputs["image"].shape == image.shape
    assert inputs["image"].dtype == torch.uint8
    assert not torch.equal(inputs["image"], image)
    assert all(torch.equal(past, inputs["image"]) for past in inputs["past_image"])


def test_the_pair_is_hidden_only_where_there_is_a_sweep(sample: SceneSample) -> None:
    both = {"lidar_voxels": torch.ones(8, 2, 2, 2, dtype=torch.uint8), "stereo_sightings": torch.ones(3, 2).int()}
    sample = sample._replace(inputs=sample.inputs | both)
    augment, states = SceneAugmentation(flip=0, color=0, hide_sweep=0.5, hide_pair=0.5), []
    for seed in range(400):
        inputs = augment(sample, GRID, torch.Generator().manual_seed(seed)).inputs
        sees = bool(inputs["stereo_voxels"].any())
        assert sees == bool(inputs["stereo_depth"].any()) == bool((inputs["stereo_sightings"] >= 0).all())
        states.append((bool(inputs["lidar_voxels"].any()), sees))
    assert (False, False) not in states
    assert all(
        abs(states.count(state) - share) < 40 for state, share in {(False, True): 200, (True, False): 100}.items()
    )


def test_labels_of_every_quality_are_drawn() -> None:
    """Logits that know the class by 5 are right nearly always without noise, and less often the stronger it is."""
    truth = torch.arange(48 * 160).reshape(48, 160) % 20
    logits, accuracy = 5.0 * torch.nn.functional.one_hot(truth, 20).movedim(-1, 0)[None], []
    for seed in range(40):
        inputs = worse_classes(4.0, truth.shape, torch.Generator().manual_seed(seed))
        assert inputs["class_noise"].shape == (20, 4, 11)
        assert 0.6 < inputs["class_scale"] < 4.5
        noisy = class_probabilities(logits, {key: value[None] for key, value in inputs.items()})
        accuracy.append(float((noisy[0].argmax(dim=0) == truth).float().mean()))
    assert min(accuracy) < 0.5
    assert max(accuracy) > 0.95
    assert torch.equal(class_probabilities(logits, {}), logits.softmax(dim=1))


def test_points_are_labelled_wrong_in_blocks_by_classes_that_occur() -> None:
    classes = torch.zeros(32, 32, 4, dtype=torch.uint8)
    classes[:, :, 0], classes[:16, :, 1] = 9, 13
    changed = [wrong_blocks(classes, torch.Generator().manual_seed(seed)) for seed in range(40)]
    shares = torch.tensor([float((c != classes).float().mean() / (classes > 0).float().mean()) for c in changed])
    assert all(set(c.unique().tolist()) <= {0, 9, 13} for c in changed)
    assert all(torch.equal(c > 0, classes > 0) for c in changed)
    assert shares.min() < 0.05
    assert 0.2 < shares.max() < 0.6
    block = changed[int(shares.argmax())][8:16, 8:16, 0]
    assert len(block.unique()) == 1
    assert torch.equal(wrong_blocks(torch.zeros_like(classes), torch.Generator()), torch.zeros_like(classes))


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
