"""Wrong poses: how far they are off after how many frames, always the same, and everywhere alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_street

from ssc_ros.core import SEMANTIC_KITTI, poses
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.training.mirror import MirroredSequence
from ssc_ros.training.pose_noise import PoseNoise, drifted
from ssc_ros.training.scene_data import SceneData
from ssc_ros.training.scenes import open_sequences, relative_pose

FRAMES = 6


def path(count: int) -> np.ndarray:
    """A bend, 1 m and 2 degrees per frame."""
    step = poses.from_quaternion(np.array([0, 0, np.sin(0.017), np.cos(0.017)]), np.array([1.0, 0, 0.02]))
    return np.stack([np.linalg.matrix_power(step, i) for i in range(count)])


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("street")
    for name in ("00", "01"):
        tiny_street.write_street(root, name, FRAMES, seed=int(name))
        rows = path(FRAMES)[:, :3].reshape(FRAMES, 12)
        (root / "sequences" / name / "poses.txt").write_text("".join(" ".join(map(str, r)) + "\n" for r in rows))
    return root


@pytest.fixture
def sequence(street: Path) -> KittiSequence:
    return open_sequences([street], ["00"], tiny_street.GRID, SEMANTIC_KITTI)[0]


def test_errors_of_the_asked_size_add_up_over_the_frames_between() -> None:
    """Over many pairs, in each axis: sigma after one frame, two times sigma after four."""
    true = path(4001)
    wrong = drifted(true, 0.05, 0.0, np.random.default_rng(0))
    turned = drifted(true, 0.0, np.radians(0.2), np.random.default_rng(0))
    for between, expected in ((1, 0.05), (4, 0.10)):
        errors = [
            poses.inverse(poses.inverse(true[i]) @ true[i + between]) @ poses.inverse(wrong[i]) @ wrong[i + between]
            for i in range(0, 4000, between)
        ]
        assert np.std([e[:3, 3] for e in errors]) == pytest.approx(expected, rel=0.1)
        assert all(poses.is_rigid(e) for e in errors)
        angles = [
            poses.inverse(poses.inverse(true[i]) @ true[i + between]) @ poses.inverse(turned[i]) @ turned[i + between]
            for i in range(0, 4000, between)
        ]
        about = [(e[2, 1] - e[1, 2], e[0, 2] - e[2, 0], e[1, 0] - e[0, 1]) for e in angles]
        assert np.degrees(np.std(about) / 2) == pytest.approx(0.2 * expected / 0.05, rel=0.1)


def test_none_is_none(sequence: KittiSequence) -> None:
    assert PoseNoise().applied(sequence) is sequence
    lost = replace(sequence, T_world_lidar=None)
    assert PoseNoise(identity=True).applied(lost) is lost


def test_the_same_errors_come_again_and_other_sequences_and_seeds_have_others(
    street: Path, sequence: KittiSequence
) -> None:
    noise = PoseNoise(0.05, 0.2)
    once, again = noise.applied(sequence), noise.applied(sequence)
    assert np.array_equal(once.T_world_lidar, again.T_world_lidar)
    (other,) = open_sequences([street], ["01"], tiny_street.GRID, SEMANTIC_KITTI)
    errors = [
        np.linalg.inv(s.T_world_lidar[-1]) @ n.applied(s).T_world_lidar[-1]
        for s, n in ((sequence, noise), (other, noise), (sequence, PoseNoise(0.05, 0.2, seed=1)))
    ]
    assert np.abs(errors[0] - errors[1]).max() > 1e-3
    assert np.abs(errors[0] - errors[2]).max() > 1e-3


def test_identity_poses_say_that_nothing_moves(sequence: KittiSequence) -> None:
    still = PoseNoise(identity=True).applied(sequence)
    for now in sequence.frame_ids:
        assert np.array_equal(relative_pose(still, "000000", now), np.eye(4))


def test_the_mirrored_sequence_has_the_mirrored_errors(sequence: KittiSequence) -> None:
    noise = PoseNoise(0.05, 0.2)
    mirrored = MirroredSequence.of(noise.applied(sequence))
    twice = MirroredSequence.of(mirrored)
    np.testing.assert_allclose(twice.T_world_lidar, noise.applied(sequence).T_world_lidar, atol=1e-12)


def test_training_and_validation_have_them_alike(street: Path, tmp_path: Path) -> None:
    spec = tiny_street.SPEC
    data = SceneData(
        spec,
        SEMANTIC_KITTI.name,
        street,
        ["00"],
        ["01"],
        workers=0,
        cache=tmp_path,
        pose_noise=PoseNoise(identity=True),
    )
    for scenes in (data.train_scenes, data.validation_scenes):
        for sequence, _ in scenes.frames:
            assert np.array_equal(sequence.T_world_lidar, np.broadcast_to(np.eye(4), (FRAMES, 4, 4)))
