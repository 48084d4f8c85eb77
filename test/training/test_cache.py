"""The cache: what was prepared comes back, and only while it is true."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.training.data import open_sequences
from ssc_ros.training.sample import nearest_class, prepare_sample


def test_read_returns_what_was_prepared(scenes) -> None:
    for frame in scenes.frames:
        expected = prepare_sample(*frame, InputPreparer(tiny_street.SPEC), SEMANTIC_KITTI)
        kept = scenes.cache.read(*frame)
        assert kept.inputs.keys() == expected.inputs.keys()
        for key, value in expected.inputs.items():
            assert kept.inputs[key].dtype == value.dtype
            assert torch.equal(kept.inputs[key], value), key
        for before, after in zip(expected.truth, kept.truth, strict=True):
            assert torch.equal(before, after)
    assert (kept.truth.labels == 255).any()


def test_class_counts_are_those_of_the_truth(scenes) -> None:
    labels = np.stack([scenes[i].truth.labels.numpy() for i in range(len(scenes))])
    expected = [(labels == c).sum() for c in range(len(SEMANTIC_KITTI))]
    assert scenes.class_counts().tolist() == expected
    assert expected[9] > 0
    assert expected[13] > 0


def test_newer_labels_make_a_sample_stale(scenes) -> None:
    sequence, frame_id = scenes.frames[0]
    assert scenes.cache.is_fresh(sequence, frame_id)
    label = sequence.path / "voxels" / f"{frame_id}.label"
    before = label.stat()
    os.utime(label, ns=(before.st_atime_ns, scenes.cache.path(sequence, frame_id).stat().st_mtime_ns + 1))
    assert not scenes.cache.is_fresh(sequence, frame_id)
    os.utime(label, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_another_spec_or_sequence_is_kept_elsewhere(scenes, street) -> None:
    sequence, frame_id = scenes.frames[0]
    other_spec = replace(scenes.cache, spec=replace(tiny_street.SPEC, stereo_scale=1.0))
    (other_sequence,) = open_sequences([street], ["08"], tiny_street.GRID, SEMANTIC_KITTI)
    paths = {cache.path(s, frame_id) for cache in (scenes.cache, other_spec) for s in (sequence, other_sequence)}
    assert len(paths) == 4


def test_a_damaged_sample_is_named(scenes) -> None:
    path = scenes.cache.path(*scenes.frames[0])
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SscError, match=path.name):
        scenes[0]


def test_an_absent_sequence_is_named(street) -> None:
    with pytest.raises(SscError, match="17"):
        open_sequences([street], ["00", "17"], tiny_street.GRID, SEMANTIC_KITTI)


def test_nearest_class_sees_the_wall_before_what_is_behind_it(scenes) -> None:
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
