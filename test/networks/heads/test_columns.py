"""The head of columns puts every number where it belongs, and starts from what it knows."""

import itertools

import numpy as np
import pytest
import torch

from ssc_ros.networks.heads import subvoxel
from ssc_ros.networks.heads.columns import ColumnFeatures, ColumnHead
from ssc_ros.networks.heads.subvoxel import SubvoxelFeatures, any_occupied, occupied_parts, to_children
from ssc_ros.networks.volume.blocks import Pointwise3d

FREQUENCIES = np.array([900.0, 60, 30, 10])


def head(sources: int = 1) -> ColumnHead:
    torch.manual_seed(0)
    return ColumnHead(3, 5, 8, FREQUENCIES, sources).eval()


def inputs(sources: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    volume = torch.randn(2, 3, 4, 6, 5, generator=generator)
    return volume, (torch.rand(2, 8 * sources, 8, 12, 5, generator=generator) > 0.8).byte()


def test_a_head_that_has_seen_nothing_predicts_the_frequencies_of_the_classes():
    one = head()
    with torch.no_grad():
        one.logits.weight.zero_()
        scene = one(*inputs())
    assert scene.dense().shape == (2, 4, 16, 24, 10)
    expected = torch.tensor([0.9, 0.06, 0.03, 0.01]).view(1, 4, 1, 1, 1).expand(2, 4, 16, 24, 10)
    torch.testing.assert_close(scene.dense().softmax(dim=1), expected)


@pytest.mark.parametrize("sources", [1, 2])
def test_each_layer_of_a_column_has_its_own_features_volume_and_measurement(sources):
    one, (volume, measured) = head(sources), inputs(sources)
    layers = [volume[..., z] for z in range(5)]
    doubled = [torch.nn.functional.interpolate(layer, scale_factor=2.0, mode="bilinear") for layer in layers]
    with torch.no_grad():
        scene = one(volume, measured).logits()
        # the column's features: layers one after the other, each with all of its channels
        details = one.measured(torch.cat([measured[..., z] for z in range(5)], dim=1).float())
        columns = one.body(one.norm(one.volume(torch.cat(doubled, dim=1)) + details).relu())
        for b, x, y, z in itertools.product((0, 1), (0, 5), (3, 11), range(5)):
            rows = slice(3 * z, 3 * (z + 1))
            spread = one.spread.weight[rows, :, 0, 0] @ columns[b, :, x, y] + one.spread.bias[rows]
            nearby = one.nearby.weight[rows, :, 0, 0] @ measured[b, :, x, y, z].float()
            features = (spread + nearby + doubled[z][b, :, x, y]).relu()
            logits = one.logits.weight @ features + one.logits.bias[:, 0]
            torch.testing.assert_close(scene.semantic[b, :, x, y, z], logits[:4])
            torch.testing.assert_close(scene.empty_offset[b, :, x, y, z], logits[4:])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("deep", [5, 8, 21])
def test_the_order_of_features_does_not_matter(deep):
    torch.manual_seed(3)
    classify = Pointwise3d(6, 5 + 8)
    torch.nn.init.normal_(classify.bias)
    columns = ColumnFeatures(torch.randn(2, 4, deep, 3, 6), classify)
    voxels = SubvoxelFeatures(columns.features.movedim(-1, 1), classify)
    torch.testing.assert_close(columns.dense(), voxels.dense())
    index = torch.randint(2 * 8 * 2 * deep * 6, (300,))
    torch.testing.assert_close(columns.gather(index), voxels.gather(index))
    assert torch.equal(columns.labels(), voxels.labels())
    assert torch.equal(columns.decide()[1], voxels.decide()[1])


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("kind", "shape"), [(SubvoxelFeatures, (2, 3, 6, 12, 4)), (ColumnFeatures, (2, 6, 12, 4, 3))])
def test_features_in_half_precision_are_decided_as_the_numbers_that_they_are(kind, shape):
    torch.manual_seed(3)
    classify = Pointwise3d(3, 5 + 8)
    features = torch.randn(shape).bfloat16()
    small, large = kind(features, classify), kind(features.float(), classify)
    assert torch.equal(small.labels(), large.labels())
    assert torch.equal(small.decide()[1], large.decide()[1])
    assert len(small.labels().unique()) == 5


@pytest.mark.parametrize("loops", [False, True])
def test_parts_of_wider_voxels_hold_what_their_children_hold(loops: bool, monkeypatch: pytest.MonkeyPatch):
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
