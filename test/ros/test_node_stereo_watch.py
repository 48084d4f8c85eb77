"""The node's own check of the stereo pair and of its mount, over DDS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CameraInfo, Image

from ssc_ros.core import poses
from ssc_ros_msgs.msg import SemanticVoxelGrid

from ..assembly.doctor.made_rig import MadeRig
from .rig import IMAGES, INFOS, T0, header
from .world import World

RIG = MadeRig.of(height=1.2, pitch=8.0, roll=-3.0)
ENTRY = "ssc_node: stereo"


def on_kittis_ground() -> list[float]:
    """Extrinsics that are true of the rig."""
    pose = RIG.rig.T_grid_camera.copy()
    pose[2, 3] -= 1.73
    return [*pose[:3, 3].tolist(), *poses.to_quaternion(pose).tolist()]


def messages(stamp: int) -> Iterator[tuple[str, Any]]:
    """Calibration and grey images of the rig."""
    for topic, p in zip(INFOS, RIG.projections(), strict=True):
        info = CameraInfo(header=header(stamp, "camera"), width=640, height=400)
        info.p = p.reshape(12).tolist()
        yield topic, info
    for topic, picture in zip(IMAGES, RIG.pair(), strict=True):
        image = Image(header=header(stamp, "camera"), width=640, height=400, step=640, encoding="mono8")
        image.data = np.ascontiguousarray(picture[..., 0]).tobytes()
        yield topic, image


def reported(world: World, period: float, extrinsics: list[float] | None, looks: int) -> DiagnosticStatus:
    """The node's entry on /diagnostics after so many frames."""
    grids = world.listen(SemanticVoxelGrid, "ssc_node/grid")
    diagnostics = world.listen(DiagnosticArray, "/diagnostics")
    options = {"camera__extrinsics": extrinsics} if extrinsics else {}
    world.start(diagnostics__mount_check_period=period, always_run=True, **options)
    sent = list(messages(T0))
    for topic, message in sent:
        world.rig.advertise(topic, type(message))
    world.connect(*IMAGES, *INFOS)
    for number in range(looks):
        for topic, message in sent:
            message.header = header(T0 + number * 100_000_000, "camera")
            world.rig.publish(topic, message)
        world.spin_until(lambda: len(grids) > number, what="for a grid")  # noqa: B023
        world.spin(0.3)

    def entries() -> list[DiagnosticStatus]:
        return [status for array in diagnostics for status in array.status if status.name == ENTRY]

    count = len(entries())
    world.spin_until(lambda: len(entries()) > count + 1, what="for diagnostics")
    return entries()[-1]


def test_extrinsics_that_the_ground_denies_are_on_diagnostics(world: World) -> None:
    """The camera is 1.2 m above the ground and looks down; the extrinsics say 1.73 m and straight ahead."""
    status = reported(world, period=0.1, extrinsics=None, looks=8)
    assert status.level == DiagnosticStatus.WARN
    assert "m above the ground, pitch 8." in status.message
    assert "camera.extrinsics" in status.message


def test_true_extrinsics_are_all_right(world: World) -> None:
    status = reported(world, period=0.1, extrinsics=on_kittis_ground(), looks=8)
    assert status.level == DiagnosticStatus.OK
    values = {pair.key: pair.value for pair in status.values}
    assert int(values["looks with ground"]) >= 5
    assert int(values["matched pixels"].rstrip("%")) > 90


@pytest.mark.parametrize("period", [0.0, 3600.0])
def test_nothing_is_looked_at_before_it_is_time(world: World, period: float) -> None:
    status = reported(world, period=period, extrinsics=None, looks=2)
    assert (status.level, status.message) == (DiagnosticStatus.OK, "not looked at yet")
