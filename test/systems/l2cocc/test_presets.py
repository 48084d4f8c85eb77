"""The full presets of L2COcc against the published networks, counted in the published code (docs/systems.md)."""

from __future__ import annotations

import functools

import pytest
import torch

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360
from ssc_ros.profiling.summary import ModuleSummary, summarize
from ssc_ros.systems import SYSTEMS, build

PLANES = {
    ("planes.pools", "planes.encoder", "planes.unpools"): (28_296_314, 0),
    ("planes.aggregate",): (512, 0),
    ("head",): (222_592, 0),
}
PUBLISHED = {
    "l2cocc": {
        ("image.encoder.backbone",): (63_786_960, 0),
        ("image.encoder.neck",): (6_704_384, 0),
        # the first layer of both gates reads 12 numbers of the camera instead of 33, and they are normalised by a layer
        # norm of 12 instead of a batch norm of 33
        ("image.depth",): (14_598_830, -2 * 640 * (33 - 12) - 2 * (33 - 12)),
        ("image.classes",): (0, 20 * (128 + 1)),
        ("lift",): (0, 0),
        ("transformer",): (414_784, -5 * 128),
        ("trunk.backbone",): (3_983_616, 0),
        ("trunk.neck",): (951_296, 0),
        **PLANES,
    },
    "l2cocc_lidar": {
        ("encoder",): (75_596, 0),
        ("trunk.backbone",): (6_639_360, 0),
        ("trunk.neck",): (951_296, 0),
        **PLANES,
    },
}
"""System -> our modules -> parameters of the published ones, and how many ours have more."""

TOTAL = {"l2cocc": 118_959_288, "l2cocc_lidar": 36_185_670}
"""Of the published networks, without the 2,580,489 constants of the lift that the camera model keeps as parameters."""

GFLOPS = {"l2cocc": 1678.9, "l2cocc_lidar": 1807.4}
"""Of the published code on one real frame, counted in the same way."""


@functools.cache
def summary(system: str) -> dict[str, ModuleSummary]:
    if system != "l2cocc_lidar":
        pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    return {row.name: row for row in summarize(lambda: build(system, "full"))}


@pytest.mark.parametrize("system", PUBLISHED)
def test_every_module_has_the_published_size(system: str) -> None:
    rows = summary(system)
    ours = {names: sum(rows[name].parameters for name in names) for names in PUBLISHED[system]}
    assert ours == {names: published + more for names, (published, more) in PUBLISHED[system].items()}
    assert sum(ours.values()) == rows[""].parameters
    assert rows[""].parameters == TOTAL[system] + sum(more for _, more in PUBLISHED[system].values())


@pytest.mark.parametrize("system", PUBLISHED)
def test_the_operations_are_those_of_the_published_network(system: str) -> None:
    whole = summary(system)[""]
    assert whole.flops / 1e9 == pytest.approx(GFLOPS[system], rel=5e-4)
    assert whole.outputs[0] == (1, 20, 128, 128, 16)


def test_what_the_teacher_and_the_student_compare_has_one_shape() -> None:
    camera, lidar = (
        {name: row.outputs for name, row in summary(system).items() if name.startswith("planes")}
        for system in ("l2cocc", "l2cocc_lidar")
    )
    assert camera == lidar
    assert camera["planes"] == ((1, 128, 128, 128, 16),)


@pytest.mark.parametrize("system", [system for system in SYSTEMS if system.startswith("l2cocc")])
def test_each_data_set_has_its_preset(system: str) -> None:
    if system != "l2cocc_lidar":
        pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    with torch.device("meta"):
        kitti, kitti_360 = build(system, "full"), build(system, "full_kitti_360")
    assert kitti.class_count == len(SEMANTIC_KITTI) == 20
    assert kitti_360.class_count == len(SSCBENCH_KITTI_360) == 19
    assert (kitti.spec.image_size, kitti.spec.context_size) == ((384, 1280), (48, 160))
    assert (kitti_360.spec.image_size, kitti_360.spec.context_size) == ((384, 1408), (48, 176))
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in (kitti, kitti_360)]
    classifiers = {name for name in shapes[0] if shapes[0][name] != shapes[1][name]}
    assert shapes[0].keys() == shapes[1].keys()
    assert classifiers
    for name in classifiers:
        assert (shapes[0][name][0], shapes[1][name][0]) == (20, 19)
