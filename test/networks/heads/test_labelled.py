"""What classes say of measured voxels, against sums over single sightings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssc_ros.networks.heads.columns import ColumnFeatures
from ssc_ros.networks.heads.labelled import FACTS, LabelledVoxels
from ssc_ros.networks.volume.blocks import Pointwise3d
from ssc_ros.networks.volume.measured import LabelledFusion

CLASSES, FEATURES, CHANNELS, SHAPE = 5, 6, 4, (4, 6, 3)


@pytest.fixture
def label() -> LabelledVoxels:
    torch.manual_seed(0)
    module = LabelledVoxels(CLASSES, FEATURES, CHANNELS, SHAPE, edge=0.4, wide=2, sensors=2)
    torch.nn.init.normal_(module.own.weight)
    torch.nn.init.normal_(module.sensor)
    return module


PROBABILITIES = torch.rand(2, CLASSES, 2, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
SIGHTINGS = torch.tensor(
    [[[3, 0], [3, 5], [3, -1], [50, 2], [-1, -1]], [[0, -1], [3, 1], [71, 4], [71, 0], [71, 5]]], dtype=torch.int32
)
OWN = torch.randint(CLASSES, (2, *SHAPE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@torch.no_grad()
def test_a_voxel_has_the_mean_of_the_cells_that_see_it(label: LabelledVoxels) -> None:
    found = label(PROBABILITIES, SIGHTINGS, 1, OWN)
    expected = []
    for scene, pairs in enumerate(SIGHTINGS.tolist()):
        for voxel in sorted({v for v, _ in pairs if v >= 0}):
            cells = [cell for v, cell in pairs if v == voxel]
            seen = [PROBABILITIES[scene].flatten(1)[:, cell] for cell in cells if cell >= 0]
            mean = torch.stack(seen).mean(dim=0) if seen else torch.zeros(CLASSES)
            x, y, _ = np.unravel_index(voxel, SHAPE)
            distance = 0.4 * np.hypot(x + 0.5, y + 0.5 - 3) / 50
            facts = torch.tensor([np.log1p(len(cells)) / 4, len(seen) / len(cells), distance])
            row = (
                label.seen(torch.cat([mean, facts.float()]))
                + label.sensor[1]
                + label.own(OWN[scene].flatten()[voxel].long())
            )
            expected.append((scene * 72 + voxel, label.mix(row.relu()).relu()))
    assert FACTS == 3
    assert found.index.tolist() == [index for index, _ in expected]
    torch.testing.assert_close(found.rows, torch.stack([row for _, row in expected]))


@torch.no_grad()
def test_rows_are_added_where_their_voxels_are(label: LabelledVoxels) -> None:
    labelled = [label(PROBABILITIES, SIGHTINGS, sensor) for sensor in (0, 1)]
    volume = label.volume(labelled, 2)
    features = torch.randn(2, *SHAPE, CHANNELS)
    scene = label.added_to(ColumnFeatures(features, Pointwise3d(CHANNELS, CLASSES + 8)), labelled)
    wide, fine = torch.zeros(2, 2, 3, 3, CHANNELS), features.clone()
    for voxels in labelled:
        for index, row in zip(voxels.index.tolist(), voxels.rows, strict=True):
            b, x, y, z = np.unravel_index(index, (2, *SHAPE))
            wide[b, x // 2, y // 2, z] += label.to_volume(row)
            fine[b, x, y, z] += label.to_scene(row)
    torch.testing.assert_close(volume, wide.movedim(-1, 1))
    torch.testing.assert_close(scene.features, fine)


@torch.no_grad()
def test_what_is_measured_by_nobody_adds_nothing(label: LabelledVoxels) -> None:
    nothing = label(PROBABILITIES, torch.full((2, 3, 2), -1, dtype=torch.int32), 0)
    assert nothing.rows.shape == (0, FEATURES)
    assert not label.volume([nothing], 2).any()


def test_labels_join_the_volume_before_its_norm() -> None:
    torch.manual_seed(0)
    fusion = LabelledFusion(5, CHANNELS, (4, 2, 6), parts=16).eval()
    lifted, measured = torch.randn(2, 5, 4, 2, 6), torch.randint(2, (2, 16, 4, 2, 6), dtype=torch.uint8)
    labelled = torch.randn(2, CHANNELS, 4, 2, 6)
    weight = torch.cat([fusion.lifted.weight, fusion.measured.weight], dim=1)[:, :, None, None, None]
    projected = torch.nn.functional.conv3d(torch.cat([lifted, measured.float()], dim=1), weight) + labelled
    mean, var = fusion.norm.running_mean, fusion.norm.running_var
    expected = torch.nn.functional.batch_norm(projected, mean, var).relu()
    torch.testing.assert_close(fusion(lifted, measured, labelled), expected)
