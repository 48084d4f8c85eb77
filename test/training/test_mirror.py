"""The mirrored scene is a scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import Frame, StereoRig, labels_at
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.inference.stereo import StereoMatcher
from ssc_ros.networks.heads.subvoxel import from_children, to_children
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.systems import LIDAR, STEREO
from ssc_ros.training.mirror import mirror_children, mirror_sample
from ssc_ros.training.scene_sample import SIGHTINGS, SceneSample, nearest_class
from ssc_ros.training.scenes import Scenes

GRID = tiny_street.GRID
SPEC = replace(
    tiny_street.SPEC,
    sensors=(LIDAR, STEREO),
    pair=(*tiny_street.SPEC.pair, "stereo_sightings"),
    sweep=("points", "lidar_voxels", "lidar_classes", "lidar_depth", "lidar_sightings"),
)
GRID_MIRROR = np.diag([1.0, -1, 1, 1])  # GRID is symmetric about y = 0
CAMERA_MIRROR = np.diag([-1.0, 1, 1, 1])


@pytest.fixture
def sample(scenes: Scenes) -> SceneSample:
    return scenes[0]


def test_mirrored_voxels_hit_mirrored_pixels(sample: SceneSample) -> None:
    width = SPEC.image_size[1]
    pixels = project_voxels(sample.inputs["projection"][None].double(), GRID)
    mirrored = project_voxels(mirror_sample(sample, GRID).inputs["projection"][None].double(), GRID)
    u, v, depth = pixels.flip(2).unbind(-1)
    assert (depth > 0).float().mean() > 0.9
    torch.testing.assert_close(mirrored, torch.stack([width - 1 - u, v, depth], dim=-1), rtol=1e-5, atol=1e-3)


def test_mirroring_the_inputs_equals_preparing_the_mirrored_frame(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    cells = np.arange(np.prod(SPEC.context_size), dtype=np.uint8).reshape(SPEC.context_size) % 19 + 1
    image_labels = labels_at(cells, rig.image_size)
    frame = replace(
        frame,
        rig=StereoRig(k, rig.baseline, rig.image_size, pose),
        point_labels=labels,
        image_labels=image_labels,
    )
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
        image_labels=image_labels[:, ::-1].copy(),
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
    result = mirror_sample(scenes[0]._replace(inputs=prepare(frame), truth=truth), GRID)
    assert result.inputs.keys() == expected.keys() >= {"points", "image"}
    for key, value in expected.items():
        assert value.float().abs().sum() > 0, key
        found = result.inputs[key]
        if key in SIGHTINGS:  # of a voxel side by side, voxels in any order
            value, found = (torch.tensor(sorted(pairs.tolist())) for pairs in (value, found))
        torch.testing.assert_close(found, value, rtol=1e-5, atol=1e-4, msg=key)
    assert torch.equal(result.truth.image, torch.from_numpy(mirrored_image))


def test_mirroring_twice_changes_nothing(sample: SceneSample) -> None:
    twice = mirror_sample(mirror_sample(sample, GRID), GRID)
    for key, value in sample.inputs.items():
        assert torch.allclose(twice.inputs[key].double(), value.double(), atol=1e-5), key
    for before, after in zip(sample.truth, twice.truth, strict=True):
        assert torch.equal(before, after)
    assert not torch.equal(mirror_sample(sample, GRID).truth.labels, sample.truth.labels)


def test_children_are_mirrored_as_the_fine_volume_is() -> None:
    fine = torch.randn(1, 8, 6, 4, generator=torch.Generator().manual_seed(0))
    mirrored = mirror_children(to_children(fine)[0])
    assert torch.equal(from_children(mirrored[None]), fine.flip(2))


def test_mirrored_points_lie_in_the_mirrored_voxels(sample: SceneSample) -> None:
    """A point and its mirror image are in voxels of the same label."""
    labels = []
    for seen in (sample, mirror_sample(sample, GRID)):
        index = torch.from_numpy(GRID.indices(seen.inputs["points"][:, :3].numpy()))
        labels.append(seen.truth.labels[tuple(index.T)])
    assert torch.equal(*labels)
    assert min((labels[0] == train_id).sum() for train_id in (9, 13)) > 100  # road and building
