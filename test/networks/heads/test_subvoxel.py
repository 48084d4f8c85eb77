"""The factored logits behave as the dense volume that they stand for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from ssc_ros.networks.heads import subvoxel
from ssc_ros.networks.heads.subvoxel import (
    SubvoxelFeatures,
    SubvoxelHead,
    SubvoxelLogits,
    any_occupied,
    from_children,
    occupied_parts,
    to_children,
)
from ssc_ros.networks.volume.blocks import Pointwise3d


def logits(seed: int = 0) -> SubvoxelLogits:
    generator = torch.Generator().manual_seed(seed)
    return SubvoxelLogits(
        torch.randn(2, 5, 4, 6, 2, generator=generator), 2 * torch.randn(2, 8, 4, 6, 2, generator=generator)
    )


def test_children_follow_the_documented_order() -> None:
    fine = torch.arange(4 * 6 * 2).reshape(1, 4, 6, 2)
    children = to_children(fine)
    for x, y, z in itertools.product(range(4), range(6), range(2)):
        child = 4 * (x % 2) + 2 * (y % 2) + z % 2
        assert children[0, child, x // 2, y // 2, z // 2] == fine[0, x, y, z]
    assert torch.equal(from_children(children), fine)


def test_dense_adds_the_offset_to_the_empty_class_of_each_child() -> None:
    scene = logits()
    dense = scene.dense()
    for x, y, z in itertools.product(range(8), range(12), range(4)):
        parent = scene.semantic[1, :, x // 2, y // 2, z // 2].clone()
        parent[0] += scene.empty_offset[1, 4 * (x % 2) + 2 * (y % 2) + z % 2, x // 2, y // 2, z // 2]
        torch.testing.assert_close(dense[1, :, x, y, z], parent)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gather_labels_and_confidence_equal_the_dense_reference(dtype: torch.dtype) -> None:
    rounded = logits(3)
    scene = SubvoxelLogits(rounded.semantic.to(dtype).float(), rounded.empty_offset.to(dtype).float())
    rounded = SubvoxelLogits(rounded.semantic.to(dtype), rounded.empty_offset.to(dtype))
    dense = scene.dense()
    index = torch.randint(2 * 8 * 12 * 4, (500,), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(scene.gather(index), dense.movedim(1, -1).reshape(-1, 5)[index])
    labels, confidence = rounded.decide()
    assert torch.equal(labels, dense.argmax(dim=1).to(torch.uint8))
    assert (confidence - (255 * dense.softmax(dim=1).amax(dim=1)).round()).abs().max() <= 1
    assert 0 < (scene.labels() == 0).float().mean() < 1


@pytest.mark.usefixtures("threads")
def test_features_are_gathered_and_decided_as_their_logits_are() -> None:
    torch.manual_seed(0)
    classify = Pointwise3d(6, 5 + 8)
    torch.nn.init.normal_(classify.bias)
    scene = SubvoxelFeatures(torch.randn(2, 6, 4, 7, 3), classify)
    reference = scene.logits()
    torch.testing.assert_close(scene.dense(), reference.dense())
    index = torch.randint(2 * 8 * 14 * 6, (300,))
    torch.testing.assert_close(scene.gather(index), reference.gather(index))
    labels, confidence = reference.decide()
    found, sure = scene.decide()
    assert torch.equal(found, labels)
    assert (sure.int() - confidence.int()).abs().max() <= 1
    assert torch.equal(scene.labels(), labels)
    assert 0 < (labels == 0).float().mean() < 1


def test_extreme_logits_have_a_label_and_a_probability() -> None:
    semantic = torch.tensor([[0.0, 0, -1e4], [-1e4, 0, 0], [300.0, 0, -90]]).view(1, 3, 3, 1, 1).expand(1, 3, 3, 2, 1)
    same = Pointwise3d(3, 3 + 8)
    same.weight.data = torch.eye(11, 3)
    for scene in (SubvoxelLogits(semantic, torch.zeros(1, 8, 3, 2, 1)), SubvoxelFeatures(semantic, same)):
        labels, confidence = scene.decide()
        assert labels[0, ::2, 0, 0].tolist() == [2, 0, 1]  # equal logits: the first class
        assert confidence[0, ::2, 0, 0].tolist() == [255, 85, 255]
        assert labels.unique(return_counts=True)[1].tolist() == [16, 16, 16]


def test_a_head_that_has_seen_nothing_predicts_the_frequencies_of_the_classes() -> None:
    frequencies = np.array([900.0, 60, 30, 10])
    head = SubvoxelHead(3, frequencies).eval()
    with torch.no_grad():
        head.logits.weight.zero_()
        head.logits.bias[4:].zero_()
        scene = head(torch.randn(1, 3, 2, 2, 2))
    probability = scene.dense().softmax(dim=1)
    expected = torch.tensor([0.9, 0.06, 0.03, 0.01]).view(1, 4, 1, 1, 1).expand_as(probability)
    torch.testing.assert_close(probability, expected)


@pytest.mark.parametrize("loops", [False, True])
def test_parts_of_wider_voxels_hold_what_their_children_hold(loops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subvoxel, "may_loop", lambda _: loops)
    fine = (torch.rand(2, 3, 8, 12, 4, generator=torch.Generator().manual_seed(2)) > 0.95).byte()
    children = torch.cat([to_children(sensor) for sensor in fine.unbind(1)], dim=1)
    parts = occupied_parts(children)
    assert parts.shape == (2, 24, 2, 3, 2)
    for b, sensor, x, y, z in itertools.product(range(2), range(3), range(4), range(6), range(4)):
        held = fine[b, sensor, 2 * x : 2 * x + 2, 2 * y : 2 * y + 2, z].any()
        part = 8 * sensor + 4 * (z % 2) + 2 * (x % 2) + y % 2
        assert parts[b, part, x // 2, y // 2, z // 2] == held
    assert 0 < parts.float().mean() < 1
    assert torch.equal(any_occupied(parts), parts.bool().any(dim=1))
    assert 0 < any_occupied(to_children(fine[:, 0])).float().mean() < 1
