"""Made rigs in bags: what comes too rarely, apart, by another name or not at all is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ssc_ros.assembly.doctor.bag import record_bag
from ssc_ros.assembly.settings import Settings
from ssc_ros.cli import main
from ssc_ros.core import GRID_HEIGHT
from ssc_ros.messages.bag_writer import open_bag
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.stamps import SECOND
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.typestore import load_typestore

from .made_rig import MadeRig

RIG = MadeRig.of(height=1.2, pitch=8.0, roll=-3.0)
PERIOD = SECOND // 10
TRANSFORM = RIG.rig.T_grid_camera.copy()
TRANSFORM[2, 3] -= GRID_HEIGHT


@dataclass(frozen=True)
class Written:
    """What is written to a bag.

    Attributes:
        numbers: of the frames, ten a second.
        late: by how much the right image is later [ns].
        without: topics that are left out.
        frozen: all stamps are those of the first frame.
        lower: by how much the grid frame is lower than where it should be [m].
    """

    numbers: Iterable[int] = range(6)
    late: int = 0
    without: tuple[str, ...] = ()
    frozen: bool = False
    lower: float = 0.0


def write(path: Path, written: Written) -> Path:
    encoder = MessageEncoder(load_typestore())
    left, right = RIG.pair()
    points = np.ones((100, 4), np.float32)
    with open_bag(path, encoder.store) as bag:
        pose = TRANSFORM.copy()
        pose[2, 3] += written.lower
        bag.write(Record(SECOND, TOPICS.tf_static, *encoder.transforms(SECOND, "velodyne", {"cam2_optical": pose})))
        for number in written.numbers:
            now = SECOND + number * PERIOD
            stamp = SECOND if written.frozen else now
            infos = encoder.camera_infos(stamp, RIG.rig)
            messages = {
                TOPICS.left_info: infos[0],
                TOPICS.right_info: infos[1],
                TOPICS.points: encoder.point_cloud(stamp, points, "velodyne"),
                TOPICS.odometry: encoder.odometry(stamp, np.eye(4), "velodyne"),
                TOPICS.left_image: encoder.image(stamp, left),
                TOPICS.right_image: encoder.image(stamp + written.late, right),
            }
            for topic, message in messages.items():
                if topic not in written.without:
                    bag.write(Record(now, topic, *message))
    return path


def findings(path: Path, settings: Settings | None = None) -> dict[str, tuple[bool, str]]:
    recording = record_bag(path, TOPICS, settings or Settings(), seconds=5, frames=3)
    return {finding.what: (finding.ok, finding.text) for finding in recording.examine().findings}


def test_a_good_bag_is_all_right(tmp_path: Path) -> None:
    found = findings(write(tmp_path / "bag", Written()))
    assert [what for what, (ok, _) in found.items() if not ok] == []
    assert "10.0 Hz, 640 x 400 rgb8" in found["left image"][1]
    assert "100 points" in found["points"][1]
    assert found["pairing"][1].startswith("6 pairs")
    assert "the given extrinsics agree" in found["mount"][1]


@pytest.mark.parametrize(
    ("written", "what", "words"),
    [
        (Written(late=30_000_000), "pairing", "differ by 0.030000 s"),
        (Written(numbers=[0, 1, 2, 3, 6, 7, 8, 9]), "left image", "20% of the messages are missing"),
        (Written(frozen=True), "right image", "the stamps do not grow"),
        (Written(without=(TOPICS.right_image,)), "right image", "nothing on /right/image_rect"),
        (Written(without=(TOPICS.left_info,)), "left info", "nothing on /left/camera_info"),
        (Written(lower=GRID_HEIGHT), "mount", "m above the ground"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, written: Written, what: str, words: str) -> None:
    ok, text = findings(write(tmp_path / "bag", written))[what]
    assert not ok
    assert words in text


def test_robots_without_lidar_and_odometry_are_all_right(tmp_path: Path) -> None:
    found = findings(write(tmp_path / "bag", Written(without=(TOPICS.points, TOPICS.odometry))))
    assert all(ok for ok, _ in found.values())
    assert "not every network" in found["points"][1]


def test_inputs_may_have_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = ["doctor", "--bag", str(write(tmp_path / "bag", Written()))]
    assert main([*bag, "--write", str(tmp_path / "robot.yaml")]) == 0
    assert (tmp_path / "robot.yaml").exists()
    assert main([*bag, "--remap", "left/image_rect:=/front/left"]) == 1
    assert "nothing on /front/left" in capsys.readouterr().out
    assert main([*bag, "--remap", "left/image_rect:=points"]) == 1
    assert "expected Image" in capsys.readouterr().out
    assert main([*bag, "--remap", "left/image:=points"]) == 1
    assert "no input is called /left/image" in capsys.readouterr().err


def test_an_encoding_that_nobody_reads_is_named(tmp_path: Path) -> None:
    encoder = MessageEncoder(load_typestore())
    path = tmp_path / "bag"
    with open_bag(path, encoder.store) as bag:
        left, right = encoder.camera_infos(SECOND, RIG.rig)
        bag.write(Record(SECOND, TOPICS.left_info, *left))
        bag.write(Record(SECOND, TOPICS.right_info, *right))
        for topic in (TOPICS.left_image, TOPICS.right_image):
            fields = {"height": 400, "width": 640, "encoding": "32FC1", "is_bigendian": 0, "step": 2560}
            fields |= {"header": encoder.header(SECOND, "camera"), "data": np.zeros(400 * 2560, np.uint8)}
            bag.write(Record(SECOND, topic, *encoder.message("sensor_msgs/msg/Image", **fields)))
    ok, text = findings(path)["images"]
    assert not ok
    assert "32FC1" in text
