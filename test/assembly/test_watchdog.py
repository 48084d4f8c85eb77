"""Who explains silence, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ssc_ros.assembly.drop_counter import DropCounter
from ssc_ros.assembly.watchdog import InputState, RequiredInputs, Vigil, explain_no_grid, explain_no_sweeps
from ssc_ros.messages.drops import Drop

IMAGE, INFO, CLOUD = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo", "sensor_msgs/msg/PointCloud2"

LEFT = InputState("/left/image_rect", IMAGE, 50, [IMAGE], newest=1_000_000_000)

RIGHT = InputState("/right/image_rect", IMAGE, 50, [IMAGE], newest=1_033_000_000)

INFOS = (InputState("/left/camera_info", INFO, 1, [INFO]), InputState("/right/camera_info", INFO, 1, [INFO]))

POINTS = InputState("/points", CLOUD, 50, [CLOUD], newest=3_000_000_000)

SLOP = 10_000_000


def explain(
    left: InputState = LEFT,
    right: InputState = RIGHT,
    infos: tuple[InputState, ...] = INFOS,
    points: InputState | None = None,
    drops: Mapping[Drop, int] | tuple[()] = (),
    texts: Mapping[Drop, str] | tuple[()] = (),
) -> str:
    return explain_no_grid(RequiredInputs(left, right, infos, points), SLOP, dict(drops), dict(texts))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"left": replace(LEFT, received=0, publisher_types=[])}, ["nobody publishes /left/image_rect", "remap"]),
        (
            {"right": replace(RIGHT, received=0, publisher_types=["sensor_msgs/msg/CompressedImage"])},
            ["/right/image_rect", "CompressedImage", "image_transport"],
        ),
        ({"right": replace(RIGHT, received=0, unfit=["node '/cam' offers less"])}, ["/right/image_rect", "/cam"]),
        ({"left": replace(LEFT, received=0)}, ["/left/image_rect", "1 publisher", "config/fastdds.xml"]),
        (
            {"infos": (replace(INFOS[0], received=0, publisher_types=[]), INFOS[1])},
            ["nobody publishes /left/camera_info"],
        ),
        ({"points": replace(POINTS, received=0, publisher_types=[])}, ["nobody publishes /points"]),
        (
            {"points": replace(POINTS, received=0, publisher_types=["sensor_msgs/msg/LaserScan"])},
            ["/points is published as sensor_msgs/msg/LaserScan", "expected sensor_msgs/msg/PointCloud2: remap"],
        ),
        (
            {"points": POINTS, "drops": {Drop.UNPAIRED: 1, Drop.NO_CLOUD: 80}},
            ["/points", "/left/image_rect", "by 2.000000 s", "lidar.slop", "lidar.grace_time"],
        ),
        (
            {"points": POINTS, "drops": {Drop.BAD_CLOUD: 40}, "texts": {Drop.BAD_CLOUD: "the cloud is empty"}},
            ["40", "bad_cloud", "the cloud is empty"],
        ),
        ({"points": POINTS}, ["still in work"]),
        ({"drops": {Drop.UNPAIRED: 100}}, ["/left/image_rect", "/right/image_rect", "0.033", "sync.slop = 0.01"]),
        (
            {"drops": {Drop.UNPAIRED: 2, Drop.CALIBRATION: 48}, "texts": {Drop.CALIBRATION: "P is zero"}},
            ["48", "calibration", "P is zero"],
        ),
        ({"drops": {Drop.DUPLICATE: 99}}, ["do not grow", "header.stamp"]),
        ({"drops": {Drop.BUSY: 40}}, ["busy 40"]),
        ({"drops": {Drop.CLOUD_LATE: 40}}, ["still in work"]),
        ({}, ["the next frame is still in work"]),
    ],
)
def test_silence_is_explained_by_what_is_missing(arguments: dict[str, Any], words: list[str]) -> None:
    text = explain(**arguments)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("points", "drops", "texts", "words"),
    [
        (replace(POINTS, received=0, publisher_types=[]), {}, {}, "nobody publishes /points"),
        (replace(POINTS, received=0), {Drop.BUSY: 1}, {}, "nothing arrives"),
        (
            POINTS,
            {Drop.CLOUD_LAYOUT: 3, Drop.BUSY: 9},
            {Drop.CLOUD_LAYOUT: "no x"},
            "3 dropped as 'cloud_layout': no x",
        ),
        (POINTS, {Drop.BUSY: 9}, {Drop.CLOUD_LAYOUT: "no x"}, "still in work"),
    ],
)
def test_missing_sweeps_are_explained(
    points: InputState, drops: dict[Drop, int], texts: dict[Drop, str], words: str
) -> None:
    assert words in explain_no_sweeps(points, drops, texts)


def test_a_vigil_asks_why_after_each_period_without_a_result() -> None:
    now, results, asked, said = [0.0], [0], [], []
    counter = DropCounter(lambda text: None)

    def explain_drops(drops: Mapping[Drop, int]) -> str:
        asked.append(dict(drops))
        return "no idea"

    vigil = Vigil("grid", lambda: results[0], counter, explain_drops, said.append, clock=lambda: now[0])

    def look(time: float) -> str:
        now[0] = time
        vigil.look(5.0)
        return vigil.silence

    assert [look(1.0), look(4.9)] == ["", ""]
    counter.add(Drop.BUSY, 2)
    assert look(5.0) == "no idea"
    assert said == ["no grid for 5 s: no idea"]
    counter.add(Drop.IMAGE)
    assert look(9.9) == "no idea"  # and does not ask again yet
    assert asked == [{Drop.BUSY: 2}]
    look(10.0)
    assert asked[1] == {Drop.IMAGE: 1}
    results[0] = 1
    assert look(10.1) == ""
    now[0] = 99.0
    vigil.look(0)  # never
    assert vigil.silence == ""


def test_an_old_explanation_is_not_told_again() -> None:
    assert "P is zero" not in explain(drops={Drop.UNPAIRED: 9}, texts={Drop.CALIBRATION: "P is zero"})
