"""Counting without running: closed forms, and the same network run."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ssc_ros.core import SceneGrid
from ssc_ros.profiling.summary import summarize
from ssc_ros.systems import LIDAR, InputSpec, SceneInputs, SceneNetwork, SceneOutput, build
from ssc_ros.systems.dry_run import MATCHED, OCCUPIED, POINTS, PROPOSALS, dry_run
from ssc_ros.systems.spec import History

GRID = SceneGrid((0, 0, 0), 0.5, (128, 128, 16))


class Twice(SceneNetwork):
    """A convolution in a container that is never called, used twice, and a product per proposed voxel."""

    def __init__(self) -> None:
        super().__init__(InputSpec(image_size=(10, 20), context_size=(5, 10), grid=GRID), 3)
        self.parts = nn.ModuleDict({"conv": nn.Conv2d(3, 3, 3, padding=1), "never": nn.Linear(2, 7)})
        self.per_voxel = nn.Linear(8, 4, bias=False)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        x = self.parts["conv"](self.parts["conv"](inputs["image"].float()))
        proposed = torch.nonzero(inputs["stereo_voxels"].any(dim=1).flatten())[:, 0]
        voxels = inputs["stereo_voxels"].flatten(2)[0].T.float()
        self.per_voxel(voxels[proposed])
        return SceneOutput(None, image=x, taps={"x": x})


def test_modules_cost_what_the_closed_form_says() -> None:
    rows = {row.name: row for row in summarize(Twice)}
    assert list(rows) == ["", "parts", "parts.conv", "parts.never", "per_voxel"]
    convolution = 2 * 2 * (3 * 9 * 3) * (10 * 20)
    product = 2 * PROPOSALS * 8 * 4
    assert rows["parts.conv"].flops == rows["parts"].flops == convolution
    assert rows["per_voxel"].flops == product
    assert rows[""].flops == convolution + product
    assert {name: row.parameters for name, row in rows.items()} == {
        "": 84 + 21 + 32, "parts": 84 + 21, "parts.conv": 84, "parts.never": 21, "per_voxel": 32
    }  # fmt: skip
    assert rows["parts.conv"].outputs == rows[""].outputs == ((1, 3, 10, 20),)
    assert rows["parts.never"].outputs == rows["parts"].outputs == ()
    assert [row.depth for row in rows.values()] == [0, 1, 2, 2, 1]


def test_a_sweep_is_assumed_to_lie_in_so_many_voxels() -> None:
    class Points(SceneNetwork):
        def __init__(self) -> None:
            super().__init__(InputSpec(sensors=(LIDAR,), grid=GRID), 3)
            self.per_voxel = nn.Linear(4, 2)

        def forward(self, inputs: SceneInputs) -> SceneOutput:
            sample, row = torch.nonzero(inputs["points"][..., 0] > 0, as_tuple=True)
            voxels, inverse = torch.unique(row, return_inverse=True)
            self.per_voxel(inputs["points"][sample, row])
            return SceneOutput(None, taps={}, image=(voxels, inverse))

    whole, per_voxel = summarize(Points)
    assert per_voxel.flops == 2 * POINTS * 4 * 2
    assert whole.outputs == ((OCCUPIED,), (POINTS,))


def test_running_the_network_costs_the_same() -> None:
    network = build("l2cocc_image", "edge").eval()
    spec = network.spec
    inputs = {
        "image": torch.zeros(1, 3, *spec.image_size, dtype=torch.uint8),
        "projection": torch.rand(1, 3, 4),
        "stereo_depth": torch.zeros(1, *spec.context_size),
    }
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        output = network(inputs)
    whole = summarize(lambda: build("l2cocc_image", "edge"))[0]
    assert whole.flops == counter.get_total_flops() > 1e9
    assert whole.outputs == (tuple(output.depth.shape), tuple(output.image.shape))


class Temporal(SceneNetwork):
    """A convolution for each image that is not remembered, and a product per stereo point."""

    def __init__(self) -> None:
        pair, history = ("right", "focal_baseline", "stereo_points"), History(count=3)
        super().__init__(InputSpec(image_size=(10, 20), grid=GRID, pair=pair, history=history), 3)
        self.image, self.point = nn.Conv2d(3, 4, 1, bias=False), nn.Linear(3, 2, bias=False)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        features = self.image(inputs["image"].float() - inputs["right"].float()) * inputs["focal_baseline"][0]
        if "past_image" in inputs:
            past = self.image(inputs["past_image"].flatten(0, 1).float()).unflatten(0, (-1, 3))
        else:
            past = inputs["past_memory"]
        self.point(inputs["stereo_points"])
        mean = (past * inputs["past_valid"][..., None, None, None] * inputs["past_projection"].sum()).mean(1)
        return SceneOutput(None, image=features + mean, memory=features)


def test_a_network_with_a_history_is_counted_in_a_stream() -> None:
    """One image goes through the encoder; the points of four frames are read."""
    rows = {row.name: row for row in summarize(Temporal)}
    assert rows["image"].flops == 2 * 3 * 4 * 10 * 20
    assert rows["point"].flops == 2 * 4 * MATCHED * 3 * 2
    assert rows[""].outputs == ((1, 4, 10, 20), (1, 4, 10, 20))
    assert dry_run(Temporal).memory.shape == (1, 4, 10, 20)
