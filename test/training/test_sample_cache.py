"""The cache: what was prepared comes back, and only while it is true."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.data.class_maps import ClassMaps
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.inference.inputs import IMAGE_CLASSES, InputPreparer
from ssc_ros.inference.stereo import StereoMatcher
from ssc_ros.systems import LIDAR, STEREO
from ssc_ros.training.mirror import MirroredSequence
from ssc_ros.training.point_labels import TruthLabeller
from ssc_ros.training.sample_cache import IMAGE, POINT_CLASSES, POINTS, TRUTH, SampleCache
from ssc_ros.training.scene_sample import SceneSample, nearest_class, prepare_truth
from ssc_ros.training.scenes import Scenes, open_sequences

DAMAGES = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "another file": lambda whole: b"PK" * 500,
    "a flipped byte": lambda whole: whole[:200] + bytes([whole[200] ^ 255]) + whole[201:],
}


def cache_of(scenes: Scenes, *sensors: str) -> SampleCache:
    """The same cache, as a network of these sensors sees it."""
    return replace(scenes.cache, spec=replace(scenes.cache.spec, sensors=sensors))


def test_read_returns_what_was_prepared(scenes: Scenes) -> None:
    spec = scenes.cache.spec
    for sequence, frame_id in scenes.frames:
        frame = sequence.frame(frame_id)
        truth = prepare_truth(sequence, frame_id, frame, spec, SEMANTIC_KITTI)
        expected = SceneSample(InputPreparer(spec)(frame), truth)
        kept = scenes.cache.read(sequence, frame_id)
        assert kept.inputs.keys() == expected.inputs.keys()
        for key, value in expected.inputs.items():
            assert kept.inputs[key].dtype == value.dtype
            assert torch.equal(kept.inputs[key], value), key
        for before, after in zip(expected.truth, kept.truth, strict=True):
            assert torch.equal(before, after)
    assert (kept.truth.labels == 255).any()
    assert kept.inputs["stereo_voxels"].any()
    assert len(kept.inputs["points"]) > 100


def test_a_network_reads_its_sensors_alone(scenes: Scenes) -> None:
    frame = scenes.frames[0]
    whole = scenes.cache.read(*frame)
    for sensor, keys in ((LIDAR, {"points"}), (STEREO, whole.inputs.keys() - {"points"})):
        alone = cache_of(scenes, sensor).read(*frame)
        assert alone.inputs.keys() == keys
        assert all(torch.equal(value, whole.inputs[key]) for key, value in alone.inputs.items())
        assert torch.equal(alone.truth.labels, whole.truth.labels)


def test_networks_share_what_they_have_in_common(scenes: Scenes, tmp_path: Path) -> None:
    frame = scenes.frames[0]
    elsewhere = replace(scenes.cache, folder=tmp_path / "elsewhere")

    def cache(*pair: str, sensors: tuple[str, ...] = (STEREO,), **sizes: Any) -> SampleCache:
        return replace(elsewhere, spec=replace(elsewhere.spec, sensors=sensors, pair=pair, **sizes))

    first = cache("stereo_depth")
    assert first.stale(*frame) == [IMAGE, "stereo_depth", TRUTH]
    first.write(*frame)
    assert first.stale(*frame) == []
    assert cache(sensors=(LIDAR,)).stale(*frame) == [POINTS]
    assert cache("right", "stereo_points", "stereo_depth").stale(*frame) == ["right", "stereo_points"]
    assert cache("stereo_depth", stereo_scale=1.0).stale(*frame) == ["stereo_depth"]
    assert cache("stereo_depth", context_size=(8, 16)).stale(*frame) == ["stereo_depth", TRUTH]
    assert cache("stereo_depth", image_size=(32, 64)).stale(*frame) == [IMAGE]
    assert cache("stereo_depth", grid=replace(tiny_street.GRID, frame_id="else")).stale(*frame) == [TRUTH]
    kept = {part: first.path(*frame, part).stat().st_mtime_ns for part in first.parts}
    cache("stereo_depth", "right", "focal_baseline", sensors=(STEREO, LIDAR)).write(*frame)
    assert kept == {part: first.path(*frame, part).stat().st_mtime_ns for part in kept}


class Counting:
    """Labels points by their number, and is told apart by it."""

    def __init__(self, first: int) -> None:
        self.identity = f"from {first}"
        self.first = first

    def __call__(self, sequence: KittiSequence, frame_id: str, points: np.ndarray) -> np.ndarray:
        return ((self.first + np.arange(len(points))) % 20).astype(np.uint8)


def test_a_labelled_sweep_is_prepared_as_for_the_deployed_network(scenes: Scenes, tmp_path: Path) -> None:
    sequence, frame_id = scenes.frames[0]
    fused = replace(scenes.cache.spec, sweep=("lidar_voxels", POINT_CLASSES))
    kept = []
    for labeller in (TruthLabeller(), Counting(3), Counting(4)):
        cache = replace(scenes.cache, spec=fused, labeller=labeller, folder=tmp_path / "fused")
        assert POINT_CLASSES in cache.stale(sequence, frame_id)
        cache.write(sequence, frame_id)
        frame = sequence.frame(frame_id)
        labels = labeller(sequence, frame_id, frame.points)
        expected = InputPreparer(fused)(replace(frame, point_labels=labels))
        kept.append(cache.read(sequence, frame_id).inputs)
        assert kept[-1].keys() == expected.keys() >= {"image", "lidar_voxels", POINT_CLASSES}
        assert all(torch.equal(kept[-1][key], value) for key, value in expected.items())
    assert set(kept[0][POINT_CLASSES].unique().tolist()) == {0, 9, 13}  # a road and a building
    assert not torch.equal(kept[1][POINT_CLASSES], kept[2][POINT_CLASSES])
    assert len(list((tmp_path / "fused").glob("*/*.lidar_voxels.npz"))) == 1  # which no labeller changes


def test_a_class_map_is_prepared_as_for_the_deployed_network(scenes: Scenes, tmp_path: Path) -> None:
    """Another label map, or a newer file, makes the classes anew, and nothing else."""
    sequence, frame_id = scenes.frames[0]
    size = sequence.frame(frame_id).rig.image_size
    path = tmp_path / "maps" / "sequences" / sequence.name / "semantic_2" / f"{frame_id}.png"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 19, size).astype(np.uint8))
    spec = replace(scenes.cache.spec, sensors=(STEREO,), pair=("stereo_sightings",))
    made = []
    for name in ("cityscapes", "ade20k"):
        maps = ClassMaps.open(tmp_path / "maps", name)
        cache = replace(scenes.cache, spec=spec, class_maps=maps, folder=tmp_path / "mapped")
        assert IMAGE_CLASSES in cache.stale(sequence, frame_id)
        cache.write(sequence, frame_id)
        frame = maps.added_to(sequence.frame(frame_id), sequence.name, frame_id, SEMANTIC_KITTI)
        expected = InputPreparer(spec)(frame)
        made.append(cache.read(sequence, frame_id).inputs)
        assert made[-1].keys() == expected.keys() >= {"image", IMAGE_CLASSES}
        assert all(torch.equal(made[-1][key], value) for key, value in expected.items())
    assert not torch.equal(made[0][IMAGE_CLASSES], made[1][IMAGE_CLASSES])
    assert cache.stale(sequence, frame_id) == []
    os.utime(path, ns=(0, cache.path(sequence, frame_id, IMAGE_CLASSES).stat().st_mtime_ns + 1))
    assert cache.stale(sequence, frame_id) == [IMAGE_CLASSES]
    path.unlink()
    with pytest.raises(SscError, match=str(path)):
        replace(cache, folder=tmp_path / "else").write(sequence, frame_id)


def test_only_what_is_asked_for_is_made(scenes: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The past of another frame needs no voxels, and no matching where nothing of it is read."""

    def never(*_: object) -> None:
        raise AssertionError("the pair was matched")

    sequence, frame_id = scenes.frames[0]
    cache = replace(scenes.cache, folder=tmp_path / "elsewhere", spec=replace(scenes.cache.spec, pair=("right",)))
    monkeypatch.setattr(StereoMatcher, "depth", never)
    assert cache.past_parts == (IMAGE,)
    cache.write(sequence, frame_id, cache.past_parts)
    assert len(list(tmp_path.glob("elsewhere/*/*.npz"))) == 1
    assert cache.read_inputs(sequence, frame_id, cache.past_parts).keys() == {"image", "projection"}
    cache.write(sequence, frame_id)
    assert cache.read(sequence, frame_id).inputs.keys() == {"image", "projection", "right", "points"}


def test_class_counts_are_those_of_the_truth(scenes: Scenes) -> None:
    labels = np.stack([scenes[i].truth.labels.numpy() for i in range(len(scenes))])
    expected = [(labels == c).sum() for c in range(len(SEMANTIC_KITTI))]
    assert scenes.class_counts().tolist() == expected
    assert expected[9] > 0
    assert expected[13] > 0


def test_newer_labels_make_every_older_part_stale(scenes: Scenes) -> None:
    cache, (sequence, frame_id) = scenes.cache, scenes.frames[0]
    assert cache.stale(sequence, frame_id) == []
    label = sequence.path / "voxels" / f"{frame_id}.label"
    before = label.stat()
    made = {part: cache.path(sequence, frame_id, part) for part in cache.parts}
    now = max(path.stat().st_mtime_ns for path in made.values())
    try:
        os.utime(label, ns=(before.st_atime_ns, now + 10))
        os.utime(made[POINTS], ns=(now + 10, now + 10))  # as new as the labels: made from them
        assert set(cache.stale(sequence, frame_id)) == {*cache.parts} - {POINTS}
        os.utime(label, ns=(before.st_atime_ns, now + 11))
        assert cache.stale(sequence, frame_id) == [*cache.parts]
    finally:
        os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_another_sequence_is_kept_elsewhere(scenes: Scenes, street: Path) -> None:
    sequence, frame_id = scenes.frames[0]
    (other,) = open_sequences([street], ["08"], tiny_street.GRID, SEMANTIC_KITTI)
    seen = (sequence, other, MirroredSequence.of(sequence), MirroredSequence.of(other))
    parts = scenes.cache.parts
    assert len({scenes.cache.path(s, frame_id, part) for s in seen for part in parts}) == 4 * len(parts)


@pytest.mark.parametrize("part", [IMAGE, "stereo_voxels", POINTS, TRUTH])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_part_is_named(scenes: Scenes, part: str, damage: Callable[[bytes], bytes]) -> None:
    path = scenes.cache.path(*scenes.frames[0], part)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SscError, match=path.name):
        scenes[0]


def test_a_part_that_is_missing_is_named(scenes: Scenes) -> None:
    path = scenes.cache.path(*scenes.frames[0], POINTS)
    path.unlink()
    with pytest.raises(SscError, match=path.name):
        scenes[0]


def test_an_absent_sequence_is_named(street: Path) -> None:
    with pytest.raises(SscError, match="17"):
        open_sequences([street], ["00", "17"], tiny_street.GRID, SEMANTIC_KITTI)


def test_nearest_class_sees_the_wall_before_what_is_behind_it(scenes: Scenes) -> None:
    sequence, frame_id = scenes.frames[0]
    rig = sequence.frame(frame_id).rig
    y, z = np.meshgrid(np.linspace(-9, 9, 200), np.linspace(-4, 4, 100))
    near = np.column_stack([np.full(y.size, 5.0), y.ravel() / 2, z.ravel() / 2])
    far = np.column_stack([np.full(y.size, 10.0), y.ravel(), z.ravel()])
    points = np.concatenate([near[near[:, 1] > 0], far, -near]).astype(np.float32)
    classes = np.repeat([13, 15, 1], [(near[:, 1] > 0).sum(), len(far), len(near)]).astype(np.uint8)
    image = nearest_class(points, classes, rig, (16, 32))
    assert (image[4:12, 8:15] == 13).all()  # y > 0 is the left half
    assert (image[4:12, 17:24] == 15).all()
    classes[classes == 13] = 0
    assert (nearest_class(points, classes, rig, (16, 32))[4:12, 8:15] == 255).all()
