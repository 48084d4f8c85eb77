"""Augmentation: the mirrored scene is a scene, and everything else stays what it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import Frame, StereoRig
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.inference.stereo import StereoMatcher
from ssc_ros.networks.heads.subvoxel import from_children, to_children
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.systems import LIDAR, STEREO
from ssc_ros.training.augmentation import Augmentation, color_factors, mirror, mirror_children, recolor
from ssc_ros.training.sample import nearest_class

GRID = tiny_street.GRID
SPEC = replace(tiny_street.SPEC, sensors=(LIDAR, STEREO), sweep=("points", "lidar_voxels", "lidar_classes"))
GRID_MIRROR = np.diag([1.0, -1, 1, 1])  # GRID is symmetric about y = 0
CAMERA_MIRROR = np.diag([-1.0, 1, 1, 1])


@pytest.fixture
def sample(scenes):
    return scenes[0]


def test_mirrored_voxels_hit_mirrored_pixels(sample) -> None:
    width = SPEC.image_size[1]
    pixels = project_voxels(sample.inputs["projection"][None].double(), GRID)
    mirrored = project_voxels(mirror(sample, GRID).inputs["projection"][None].double(), GRID)
    u, v, depth = pixels.flip(2).unbind(-1)
    assert (depth > 0).float().mean() > 0.9
    torch.testing.assert_close(mirrored, torch.stack([width - 1 - u, v, depth], dim=-1), rtol=1e-5, atol=1e-3)


def test_mirroring_the_inputs_equals_preparing_the_mirrored_frame(scenes, monkeypatch) -> None:
    sequence, frame_id = scenes.frames[0]
    frame = sequence.frame(frame_id)
    rig = frame.rig
    width = rig.image_size[1]
    turned = np.array([[-0.1, 0, 1], [-1, 0.02, 0.1], [0, -1, 0.05]])  # a rig that is not symmetric itself
    u, _, vt = np.linalg.svd(turned)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = u @ vt, (0.2, 0.3, -0.1)
    k = rig.camera_matrix.copy()
    k[0, 2] -= 3.7
    labels = (np.arange(len(frame.points)) % 19 + 1).astype(np.uint8)
    frame = replace(frame, rig=StereoRig(k, rig.baseline, rig.image_size, pose), point_labels=labels)
    mirrored_k = k.copy()
    mirrored_k[0, 2] = width - 1 - k[0, 2]
    mirrored_rig = StereoRig(mirrored_k, rig.baseline, rig.image_size, GRID_MIRROR @ pose @ CAMERA_MIRROR)
    mirrored_frame = Frame(
        frame.stamp,
        frame.left[:, ::-1].copy(),
        frame.right[:, ::-1].copy(),
        mirrored_rig,
        frame.points * np.array([1, -1, 1, 1], np.float32),
        point_labels=labels,
    )
    prepare = InputPreparer(SPEC)
    depth = prepare.matcher.depth(frame)
    assert np.isfinite(depth).sum() > 20
    # semi-global matching is not symmetric itself, so both frames get the same match
    monkeypatch.setattr(StereoMatcher, "depth", lambda self, seen: depth if seen is frame else depth[:, ::-1])
    expected = prepare(mirrored_frame)
    size = SPEC.context_size
    image = nearest_class(frame.points[:, :3], labels, frame.rig, size)
    mirrored_image = nearest_class(mirrored_frame.points[:, :3], labels, mirrored_rig, size)
    truth = scenes[0].truth._replace(image=torch.from_numpy(image))
    result = mirror(scenes[0]._replace(inputs=prepare(frame), truth=truth), GRID)
    assert result.inputs.keys() == expected.keys() >= {"points", "image"}
    for key, value in expected.items():
        assert value.float().abs().sum() > 0, key
        torch.testing.assert_close(result.inputs[key], value, rtol=1e-5, atol=1e-4, msg=key)
    assert torch.equal(result.truth.image, torch.from_numpy(mirrored_image))


def test_mirroring_twice_changes_nothing(sample) -> None:
    twice = mirror(mirror(sample, GRID), GRID)
    for key, value in sample.inputs.items():
        assert torch.allclose(twice.inputs[key].double(), value.double(), atol=1e-5), key
    for before, after in zip(sample.truth, twice.truth, strict=True):
        assert torch.equal(before, after)
    assert not torch.equal(mirror(sample, GRID).truth.labels, sample.truth.labels)


def test_children_are_mirrored_as_the_fine_volume_is() -> None:
    fine = torch.randn(1, 8, 6, 4, generator=torch.Generator().manual_seed(0))
    mirrored = mirror_children(to_children(fine)[0])
    assert torch.equal(from_children(mirrored[None]), fine.flip(2))


def test_mirrored_points_lie_in_the_mirrored_voxels(sample) -> None:
    """A point and its mirror image are in voxels of the same label."""
    labels = []
    for seen in (sample, mirror(sample, GRID)):
        index = torch.from_numpy(GRID.indices(seen.inputs["points"][:, :3].numpy()))
        labels.append(seen.truth.labels[tuple(index.T)])
    assert torch.equal(*labels)
    assert min((labels[0] == train_id).sum() for train_id in (9, 13)) > 100  # road and building


def test_a_sample_of_one_sensor_is_augmented_alone(sample) -> None:
    points = sample._replace(inputs={"points": sample.inputs["points"]})
    assert mirror(points, GRID).inputs.keys() == {"points"}
    changed = Augmentation(flip=1)(points, GRID, torch.Generator())
    assert torch.equal(changed.inputs["points"], mirror(sample, GRID).inputs["points"])
    assert torch.equal(changed.truth.labels, sample.truth.labels.flip(1))


def test_nothing_happens_to_a_sample_without_augmentation(sample) -> None:
    kept = Augmentation(flip=0, color=0)(sample, GRID, torch.Generator())
    assert kept.inputs.keys() == sample.inputs.keys()
    assert all(torch.equal(kept.inputs[key], value) for key, value in sample.inputs.items())


def test_probabilities_are_kept(sample) -> None:
    augment = Augmentation(flip=0.25, color=0)
    flips = 0
    for seed in range(400):
        result = augment(sample, GRID, torch.Generator().manual_seed(seed))
        flips += not torch.equal(result.truth.labels, sample.truth.labels)
    assert abs(flips - 100) < 35  # four standard deviations of a binomial of 400


def test_a_hidden_sweep_is_an_empty_one_and_nothing_else_changes(sample) -> None:
    voxels = torch.ones(8, 2, 2, 2, dtype=torch.uint8)
    sample = sample._replace(inputs=sample.inputs | {"lidar_voxels": voxels, "lidar_classes": voxels[0]})
    augment, seen = Augmentation(flip=0, color=0, hide_sweep=0.25), 0
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
