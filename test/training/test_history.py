"""Past frames in training: those that a robot would remember, of the same drive, and in the mirror too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import SEMANTIC_KITTI, Frame, SscError, poses
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.networks.lift.depth_weighted import project_voxels
from ssc_ros.systems import InputSpec
from ssc_ros.systems.spec import History
from ssc_ros.training.mirror import MirroredSequence, grid_mirror, mirror_frame, mirror_sample
from ssc_ros.training.sample_cache import TRUTH, SampleCache
from ssc_ros.training.sampler import Draw
from ssc_ros.training.scene_augmentation import SceneAugmentation
from ssc_ros.training.scene_data import SceneData
from ssc_ros.training.scene_sample import collate_scenes
from ssc_ros.training.scenes import Scenes, open_sequences, past_ids

from ..inference import tiny_temporal

GRID = tiny_street.GRID
HISTORY = History(count=2, interval=0.3, tolerance=0.1)
SPEC = replace(tiny_street.SPEC, pair=("stereo_points",), history=HISTORY)
PAIR = replace(SPEC, pair=("right", "focal_baseline", "stereo_depth", "stereo_points"))
FRAMES, LABELLED, LOST = 10, (0, 5, 9), (6,)


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sequences 00 and 01 of ten frames on a bend, three of them labelled; one has lost its images; 02 has no poses."""
    root = tmp_path_factory.mktemp("drives")
    for name in ("00", "01", "02"):
        tiny_street.write_street(root, name, FRAMES, seed=int(name))
        path = root / "sequences" / name
        for i in range(FRAMES):
            if i not in LABELLED:
                (path / "voxels" / f"{i:06d}.label").unlink()
        for i in LOST:
            for folder in ("image_2", "image_3"):
                (path / folder / f"{i:06d}.png").unlink()
        if name == "02":
            continue
        angles = 0.05 * np.arange(FRAMES)
        rows = [
            [np.cos(a), 0, np.sin(a), 10 * a**2, 0, 1, 0, -0.1 * a, -np.sin(a), 0, np.cos(a), 10 * a] for a in angles
        ]
        (path / "poses.txt").write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))
    return root


def scenes_of(drives: Path, folder: Path, *names: str, spec: InputSpec = SPEC, **augmentation: Any) -> Scenes:
    sequences = open_sequences([drives], names or ["00", "01"], GRID, SEMANTIC_KITTI)
    scenes = Scenes(sequences, SampleCache(folder, spec, SEMANTIC_KITTI), SceneAugmentation(**augmentation))
    for wanted in scenes.needed(augmented=True):
        scenes.cache.write(*wanted)
    return scenes


def test_the_past_is_of_the_same_drive_and_has_images(drives: Path) -> None:
    (sequence,) = open_sequences([drives], ["00"], GRID, SEMANTIC_KITTI)
    chosen = {i: past_ids(sequence, f"{i:06d}", HISTORY) for i in LABELLED}
    assert chosen[0] == [None, None]
    assert chosen[5] == ["000002", "000000"]  # 0.1 s ahead of its time is still near enough
    assert chosen[9] == ["000005", "000003"]  # 000006 has no image; of two that are as near, the earlier
    (lost,) = open_sequences([drives], ["02"], GRID, SEMANTIC_KITTI)
    assert past_ids(lost, "000009", HISTORY) == [None, None]


def test_samples_hold_the_past_where_it_was(drives: Path, tmp_path: Path) -> None:
    scenes = scenes_of(drives, tmp_path)
    prepare = InputPreparer(SPEC)
    assert len(scenes) == 6
    for index, (sequence, frame_id) in enumerate(scenes.frames):
        sample, now = scenes[index], sequence.frame(frame_id)
        ids = past_ids(sequence, frame_id, HISTORY)
        assert sample.inputs["past_valid"].tolist() == [i is not None for i in ids]
        for k, past_id in enumerate(ids):
            if past_id is None:
                continue
            past = sequence.frame(past_id)
            assert torch.equal(sample.inputs["past_image"][k], prepare(past)["image"])
            world = poses.apply(now.T_world_grid, np.array([[8.0, 1, -1], [12, -3, 0]]))
            pixels, _ = past.rig.resized(*SPEC.image_size).project(poses.apply(poses.inverse(past.T_world_grid), world))
            seen = torch.tensor([[8.0, 1, -1, 1], [12, -3, 0, 1]]) @ sample.inputs["past_projection"][k].T
            np.testing.assert_allclose(seen[:, :2] / seen[:, 2:], pixels, atol=1e-3)
        assert len(sample.inputs["stereo_points"]) >= len(prepare(now)["stereo_points"])


def test_what_is_trained_on_is_what_is_deployed(drives: Path, tmp_path: Path) -> None:
    """A cached sample and the last frame of a stream give the same logits; 1e-5."""
    made = tiny_temporal.network(spec=SPEC)
    stream, outputs = tiny_temporal.completer(made), []
    scenes = scenes_of(drives, tmp_path, "00")
    sequence = scenes.frames[0][0]
    hook = made.register_forward_hook(lambda module, inputs, output: outputs.append(output.scene.half))
    for frame_id in sequence.frame_ids:
        frame = sequence.frame(frame_id)
        (stream.complete if int(frame_id) in LABELLED else stream.observe)(frame)
    hook.remove()
    for index, streamed in enumerate(outputs):
        sample = collate_scenes([scenes[index]])
        torch.testing.assert_close(made(sample.inputs).scene.half, streamed, atol=1e-5, rtol=0)
    assert stream.past_frames == 2


def test_only_what_is_needed_is_prepared(drives: Path, tmp_path: Path) -> None:
    scenes = scenes_of(drives, tmp_path, "00")
    needed = {frame_id: parts for _, frame_id, parts in scenes.needed(augmented=True)}
    assert needed.keys() >= {"000000", "000002", "000005", "000003", "000009"}
    assert set(needed["000002"]) == {"image", "stereo_points"}
    assert TRUTH in needed["000000"]  # part of another's past, and labelled
    assert not scenes.cache.path(scenes.frames[0][0], "000002", TRUTH).exists()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.npz")}
    data = SceneData(SPEC, SEMANTIC_KITTI.name, drives, ["00"], ["01"], workers=0, cache=tmp_path)
    data.prepare_data()
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())
    batch = next(iter(data.val_dataloader()))
    assert batch.inputs["past_image"].shape == (1, 2, 3, *SPEC.image_size)


def test_a_batch_fills_up_the_points(drives: Path, tmp_path: Path) -> None:
    samples = [scenes_of(drives, tmp_path)[i] for i in (0, 1)]
    batch = collate_scenes(samples)
    lengths = [len(sample.inputs["stereo_points"]) for sample in samples]
    assert lengths[0] < lengths[1]
    assert torch.equal(batch.inputs["stereo_points"][0, : lengths[0]], samples[0].inputs["stereo_points"])
    assert batch.inputs["stereo_points"][0, lengths[0] :].isnan().all()
    assert batch.inputs["past_valid"].tolist() == [[False, False], [True, True]]


def test_the_past_is_mirrored_with_the_present(drives: Path, tmp_path: Path) -> None:
    sample = scenes_of(drives, tmp_path)[1]
    mirrored = mirror_sample(sample, GRID)
    width = SPEC.image_size[1]
    pixels, seen = (project_voxels(s.inputs["past_projection"].double(), GRID) for s in (sample, mirrored))
    u, v, depth = pixels.flip(2).unbind(-1)
    ahead = depth > 1  # pixels of what is behind the camera mean nothing
    expected = torch.stack([width - 1 - u, v, depth], dim=-1)
    torch.testing.assert_close(seen[ahead], expected[ahead], rtol=1e-5, atol=1e-2)
    assert torch.equal(mirrored.inputs["past_image"], sample.inputs["past_image"].flip(-1))
    points, others = sample.inputs["stereo_points"], mirrored.inputs["stereo_points"]
    assert torch.equal(others, points * torch.tensor([1.0, -1, 1]))  # GRID is symmetric about y = 0
    twice = mirror_sample(mirrored, GRID)
    for key, value in sample.inputs.items():
        assert torch.allclose(twice.inputs[key].double(), value.double(), atol=1e-5), key


def test_all_images_of_a_sample_change_colour_alike(drives: Path, tmp_path: Path) -> None:
    scenes = scenes_of(drives, tmp_path, spec=PAIR, flip=0, color=0.3)
    sample = scenes[1]
    images = dict.fromkeys(("image", "right"), sample.inputs["image"]) | {"past_image": sample.inputs["image"][None]}
    changed = scenes.augmentation.varied(
        sample._replace(inputs=sample.inputs | images), torch.Generator().manual_seed(1)
    ).inputs
    assert not torch.equal(changed["image"], sample.inputs["image"])
    assert torch.equal(changed["image"], changed["right"])
    assert torch.equal(changed["image"], changed["past_image"][0])


def test_the_past_is_left_out_as_often_as_asked(drives: Path, tmp_path: Path) -> None:
    scenes = scenes_of(drives, tmp_path, "00", flip=0, color=0, forget=0.5)
    alone = [not scenes[Draw(1, seed)].inputs["past_valid"].any() for seed in range(100)]
    assert 30 < sum(alone) < 70
    assert alone == [not scenes[Draw(1, seed)].inputs["past_valid"].any() for seed in range(100)]
    assert scenes[1].inputs["past_valid"].all()  # validation has it
    never, always = (scenes_of(drives, tmp_path, "00", flip=0, color=0, forget=p) for p in (0.0, 1.0))
    assert never[Draw(1, 0)].inputs["past_valid"].all()
    forgotten = always[Draw(1, 0)].inputs
    assert not forgotten["past_image"].any()
    assert len(forgotten["stereo_points"]) < len(never[Draw(1, 0)].inputs["stereo_points"])


@pytest.fixture
def seen(drives: Path) -> Frame:
    """A frame whose grid, camera and pose are not symmetric."""
    (sequence,) = open_sequences([drives], ["00"], GRID, SEMANTIC_KITTI)
    frame = sequence.frame("000005")
    k = frame.rig.camera_matrix.copy()
    k[0, 2] -= 3.7
    T_grid_camera = frame.rig.T_grid_camera.copy()
    T_grid_camera[:3, 3] = 0.2, 0.3, -0.1
    return replace(frame, rig=replace(frame.rig, camera_matrix=k, T_grid_camera=T_grid_camera))


SHIFTED = replace(GRID, min_corner=(0.0, -5.4, -2.0))
"""Its mirror stands at y = 1."""


def test_the_left_image_of_a_mirrored_pair_is_the_mirrored_right_one(seen: Frame) -> None:
    mirrored = mirror_frame(seen, SHIFTED)
    assert np.array_equal(mirrored.left, seen.right[:, ::-1])
    assert np.array_equal(mirrored.right, seen.left[:, ::-1])
    points = np.random.default_rng(0).uniform((2, -3, -1), (12, 3, 1), (100, 3))
    others = points * (1, -1, 1) + (0, 2, 0)
    pixels, depth = seen.rig.project(points)
    disparity = seen.rig.camera_matrix[0, 0] * seen.rig.baseline / depth
    in_right = pixels[:, 0] - disparity
    found, found_depth = mirrored.rig.project(others)
    width = seen.rig.image_size[1]
    np.testing.assert_allclose(found, np.c_[width - 1 - in_right, pixels[:, 1]], atol=1e-9)
    np.testing.assert_allclose(found_depth, depth, atol=1e-9)
    # and the mirrored left image is that of a right camera: disparities are positive, as before
    inputs = InputPreparer(PAIR)(mirrored)
    np.testing.assert_allclose(found[:, 0] - (width - 1 - pixels[:, 0]), disparity, atol=1e-9)
    np.testing.assert_allclose(inputs["focal_baseline"].item() / found_depth, disparity, rtol=1e-5)


def test_a_mirrored_pose_moves_the_mirrored_world(seen: Frame) -> None:
    mirrored, flip = mirror_frame(seen, SHIFTED), grid_mirror(SHIFTED)
    points = np.random.default_rng(0).uniform(-9, 9, (20, 3))
    assert poses.is_rigid(mirrored.T_world_grid, 1e-9)
    np.testing.assert_allclose(
        poses.apply(mirrored.T_world_grid, poses.apply(flip, points)),
        poses.apply(flip, poses.apply(seen.T_world_grid, points)),
        atol=1e-9,
    )


def test_mirroring_a_frame_twice_changes_nothing(seen: Frame) -> None:
    twice = mirror_frame(mirror_frame(seen, SHIFTED), SHIFTED)
    assert np.array_equal(twice.left, seen.left)
    np.testing.assert_allclose(twice.rig.T_grid_camera, seen.rig.T_grid_camera, atol=1e-12)
    np.testing.assert_allclose(twice.rig.camera_matrix, seen.rig.camera_matrix, atol=1e-12)
    np.testing.assert_allclose(twice.points, seen.points, atol=1e-6)
    np.testing.assert_allclose(twice.T_world_grid, seen.T_world_grid, atol=1e-12)


def test_a_pair_is_augmented_by_its_mirrored_frame(drives: Path, tmp_path: Path) -> None:
    scenes = scenes_of(drives, tmp_path, spec=PAIR, flip=1, color=0)
    sequence, frame_id = scenes.frames[1]
    sample, mirrored = scenes[1], scenes[Draw(1, 0)]
    expected = InputPreparer(PAIR)(mirror_frame(sequence.frame(frame_id), GRID))
    for key in ("image", "right", "projection", "focal_baseline", "stereo_depth"):
        assert torch.equal(mirrored.inputs[key], expected[key]), key
    assert torch.equal(mirrored.inputs["image"], sample.inputs["right"].flip(-1))
    assert torch.equal(mirrored.truth.labels, sample.truth.labels.flip(1))
    assert mirrored.inputs["past_valid"].tolist() == [True, True]
    # what the past saw of a voxel, its mirror image shows of the mirrored voxel: in the other camera, so at another u
    pixels = project_voxels(sample.inputs["past_projection"].double(), GRID)
    found = project_voxels(mirrored.inputs["past_projection"].double(), GRID)
    u, v, depth = pixels.flip(2).unbind(-1)
    in_right = u - sample.inputs["focal_baseline"].double() / depth
    ahead = depth > 1
    expected_pixels = torch.stack([SPEC.image_size[1] - 1 - in_right, v, depth], dim=-1)
    torch.testing.assert_close(found[ahead], expected_pixels[ahead], rtol=1e-4, atol=1e-2)
    # the depth of the image cells is the other camera's
    frame = MirroredSequence.of(sequence).frame(frame_id)
    pixel, depth = frame.rig.project(frame.points[:, :3])
    cells = np.floor((pixel + 0.5) / 4)
    inside = ((cells >= 0) & (cells < (32, 16))).all(axis=1)
    nearest = np.full((16, 32), np.inf)
    np.minimum.at(nearest, tuple(cells[inside].astype(int).T[::-1]), depth[inside])
    np.testing.assert_allclose(mirrored.truth.depth, np.where(np.isinf(nearest), 0, nearest), atol=1e-5)
    assert (mirrored.truth.depth != sample.truth.depth.flip(-1)).any()


def test_a_pair_is_not_mirrored_as_a_finished_sample(drives: Path, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="MirroredSequence"):
        mirror_sample(scenes_of(drives, tmp_path, "00", spec=PAIR, flip=0)[0], GRID)


def test_mirrored_frames_are_not_prepared_in_vain(drives: Path, tmp_path: Path) -> None:
    for spec, flip, expected in ((PAIR, 0.5, True), (PAIR, 0.0, False), (SPEC, 0.5, False)):
        scenes = scenes_of(drives, tmp_path / f"{flip}{len(spec.pair)}", "00", spec=spec, flip=flip)
        mirrored = [isinstance(sequence, MirroredSequence) for sequence, _, _ in scenes.needed(augmented=True)]
        assert any(mirrored) == expected
        assert not any(isinstance(sequence, MirroredSequence) for sequence, _, _ in scenes.needed(augmented=False))
