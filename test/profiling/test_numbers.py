"""Percentiles and ratios by closed forms, the roofline of a known network, and the file read back."""

from __future__ import annotations

import io
import json
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from ssc_ros.core import LIDAR, SscError
from ssc_ros.inference.stages import Span
from ssc_ros.profiling.report import Measurement, Result, compared, in_order
from ssc_ros.profiling.roofline import COPIED, SIDE, Roofline, roofline, traffic
from ssc_ros.profiling.setting import Setting
from ssc_ros.profiling.spread import Spread, Timing
from ssc_ros.systems import InputSpec, SceneInputs, SceneNetwork, SceneOutput
from ssc_ros.systems.dry_run import POINTS

from .fake_clock import FakeClock


def test_percentiles_of_a_ladder() -> None:
    assert Spread.of([*range(10, -1, -1)]) == Spread(5, 1, 9, 11)
    seconds = [Span(i, 2 * i) for i in range(11)]
    assert Timing.of(seconds) == Timing(Spread(5000, 1000, 9000, 11), Spread(10000, 2000, 18000, 11))


def test_a_ratio_that_never_varies_has_no_spread_however_much_the_rounds_do() -> None:
    rounds = [3.0, 1.0, 40.0, 7.0, 2.0]
    assert Spread.of_ratio([0.5 * r for r in rounds], rounds, np.random.default_rng(0)) == Spread(0.5, 0.5, 0.5, 5)


def test_a_ratio_is_that_of_the_medians_and_varies_as_the_median_does() -> None:
    rng, count, widths = np.random.default_rng(1), 400, []
    for _ in range(20):
        above, below = rng.normal(10, 1, count).tolist(), [5.0] * count
        ratio = Spread.of_ratio(above, below, rng)
        assert ratio.median == pytest.approx(statistics.median(above) / 5)
        widths.append(ratio.p90 - ratio.p10)
    error = np.sqrt(np.pi / 2 / count) / 5  # standard error of a normal sample's median, over 5
    assert np.mean(widths) == pytest.approx(2 * statistics.NormalDist().inv_cdf(0.9) * error, rel=0.15)


class Product(SceneNetwork):
    """One matrix product, a view of it, and a sum in place."""

    def __init__(self) -> None:
        super().__init__(InputSpec(sensors=(LIDAR,)), 3)
        self.linear = nn.Linear(4, 2, bias=False)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        x = self.linear(inputs["points"][0])
        return SceneOutput(None, image=x.view(2, -1).add_(x.new_ones(1)))


def test_operations_move_what_they_read_and_write() -> None:
    points, weights, product, one = 4 * POINTS * 4, 4 * 8, 4 * POINTS * 2, 4
    assert traffic(Product) == (points + weights + product) + one + (2 * product + one + product)


def test_limits_are_the_work_over_what_the_machine_does() -> None:
    one_second = Timing(Spread(1000, 0, 0, 1), Spread(2000, 0, 0, 1))
    found = Roofline(flops=3 * 2 * SIDE**3, bytes=5 * 2 * COPIED, product=one_second, copy=one_second)
    assert found.limits("wall") == pytest.approx((3000, 5000))
    assert found.limits("cpu") == pytest.approx((6000, 10000))
    measured = roofline(Product, torch.bfloat16, torch.device("cpu"), FakeClock())
    assert measured.flops == 2 * POINTS * 4 * 2
    assert measured.bytes == traffic(Product) // 2


def result() -> Result:
    rounds = [{"whole": Span(2 * t, 4 * t), "whole/complete/network": Span(t, t)} for t in (1.0, 2.0, 3.0)]
    other = [{"whole": Span(t, t), "whole/complete/network": Span(t, t), "more": Span(t, t)} for t in (1.0, 2.0, 3.0)]
    work = Roofline(10**9, 10**9, *2 * [Timing(Spread(1, 1, 1, 1), Spread(2, 1, 1, 1))])
    setting = Setting("l2cocc/edge", threads=2)
    halved = replace(setting, backend="torch-bf16")
    measurements = [Measurement.of(setting, rounds, work), Measurement.of(halved, other, work)]
    return Result(
        measurements,
        compared(rounds, other),
        {"peak": 12.5},
        "made up",
        machine={"cpu": "c"},
        provenance={"commit": None},
    )


def test_the_file_says_all_and_can_be_read_back() -> None:
    written = result()
    assert Result.from_json(written.to_json()) == written
    content = json.loads(written.to_json())
    assert content["measurements"][0]["stages"]["whole"]["wall"] == {
        "median": 4000, "p10": 2400, "p90": 5600, "count": 3
    }  # fmt: skip
    assert content["ratios"]["whole"]["cpu"]["median"] == 4
    assert "more" not in content["ratios"]
    content["format"] = "other"
    with pytest.raises(ValueError, match="format"):
        Result.from_json(json.dumps(content))


def test_tables_have_every_setting_and_the_ratios() -> None:
    out = io.StringIO()
    for table in result().tables():
        Console(file=out, width=160).print(table)
    text = out.getvalue()
    for fact in (
        "l2cocc/edge, torch, 2 threads",
        "l2cocc/edge, torch-bf16, 2 threads",
        "2400 .. 5600",
        "4.00 .. 4.00",
        "100.0%",
    ):
        assert fact in text


def test_parts_follow_their_whole() -> None:
    mixed = dict.fromkeys(("w", "w/a", "w/c", "w/b", "w/a/y", "w/a/x"))
    assert in_order(mixed) == ["w", "w/a", "w/a/y", "w/a/x", "w/c", "w/b"]


def test_a_setting_is_changed_by_name() -> None:
    base = Setting("l2cocc/edge", threads=2)
    assert base.changed("threads=1,backend=torch-bf16") == Setting("l2cocc/edge", "torch-bf16", 1)
    assert base.changed("models/x.safetensors") == replace(base, network="models/x.safetensors")
    for text, message in (("thread=1", "network, backend, threads, device"), ("threads=0", "1 or more")):
        with pytest.raises(SscError, match=message):
            base.changed(text)
