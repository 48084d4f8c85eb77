"""Batches: samples of one size stacked, sweeps of many lengths filled up with rows that are no points."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.training.scene_sample import SceneSample, SceneTruth, collate_scenes


def sample(points: int, seed: int) -> SceneSample:
    generator = torch.Generator().manual_seed(seed)
    inputs = {
        "image": torch.randint(256, (3, 4, 6), generator=generator, dtype=torch.uint8),
        "points": torch.rand(points, 4, generator=generator),
    }
    labels = torch.randint(20, (4, 4, 2), generator=generator, dtype=torch.uint8)
    return SceneSample(inputs, SceneTruth(labels, torch.rand(2, 3, generator=generator), labels[:2, :3, 0]))


@pytest.mark.parametrize("lengths", [(5, 3, 0), (4, 4), (7,)])
def test_a_batch_holds_its_samples_and_nothing_else(lengths: tuple[int, ...]) -> None:
    samples = [sample(count, seed) for seed, count in enumerate(lengths)]
    batch = collate_scenes(samples)
    assert batch.inputs["points"].shape == (len(lengths), max(lengths), 4)
    for i, (one, count) in enumerate(zip(samples, lengths, strict=True)):
        assert torch.equal(batch.inputs["points"][i, :count], one.inputs["points"])
        assert batch.inputs["points"][i, count:].isnan().all()
        assert torch.equal(batch.inputs["image"][i], one.inputs["image"])
        for together, alone in zip(batch.truth, one.truth, strict=True):
            assert torch.equal(together[i], alone)
            assert together.dtype == alone.dtype


def test_a_batch_of_camera_samples_has_no_points() -> None:
    alone = [s._replace(inputs={"image": s.inputs["image"]}) for s in (sample(3, 0), sample(5, 1))]
    assert collate_scenes(alone).inputs.keys() == {"image"}
    assert sample(3, 0).inputs.keys() == {"image", "points"}  # and the samples keep theirs
