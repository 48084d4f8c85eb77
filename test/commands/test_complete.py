"""`ssc-ros complete` on a made rig: grids and pictures of files and bags; what is wrong is one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ssc_ros.assembly.settings_rules import pose_text
from ssc_ros.cli import main
from ssc_ros.core import GRID_HEIGHT, SEMANTIC_KITTI
from ssc_ros.data.grid_files import load_grid
from ssc_ros.messages.bag_writer import open_bag
from ssc_ros.messages.encoder import MessageEncoder, Record
from ssc_ros.messages.stamps import SECOND
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.typestore import load_typestore

from ..assembly.doctor.made_rig import MadeRig

RIG = MadeRig.of(height=1.65, pitch=2.0, roll=0.0, baseline=0.4)
GROUND = [SEMANTIC_KITTI.names.index(name) for name in ("road", "parking", "sidewalk", "other-ground", "terrain")]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two pairs in folders, with ROS's calibration files, as arguments."""
    for number in range(2):
        for side, image in zip(("left", "right"), RIG.pair(along=0.7 * number), strict=True):
            (tmp_path / side).mkdir(exist_ok=True)
            assert cv2.imwrite(str(tmp_path / side / f"{number:03d}.png"), image)
    calibration = RIG.write_calibration(tmp_path)
    sides = ["--left", str(tmp_path / "left"), "--right", str(tmp_path / "right")]
    return ["complete", *sides, "--calibration", *map(str, calibration), "--out", str(tmp_path / "out")]


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.mark.slow
def test_files_become_grids_pictures_and_a_film(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*files, "--save", "npz", "label", "ply", "--film", "gif"]) == 0
    assert "2 frames completed, 0 were there" in capsys.readouterr().out
    out = tmp_path / "out"
    kinds = ("_left.jpg", ".label", ".npz", ".ply", ".png")
    assert sorted(stamps(out)) == sorted([*(f"00{n}{k}" for n in (0, 1) for k in kinds), "complete.json", "film.gif"])
    # the ground is where the mount, which was found in the images, says it is
    grid = load_grid(out / "000.npz")
    x, y, z = np.nonzero(np.isin(grid.labels, GROUND))
    near = x < 60
    heights = grid.grid.centers(np.stack([x, y, z], axis=1))[near, 2]
    assert abs(float(np.median(heights)) + GRID_HEIGHT) < 0.3
    with Image.open(out / "000.png") as picture:
        colors = {color for _, color in picture.getcolors(1 << 24)}
    assert SEMANTIC_KITTI.palette[GROUND[0]] in colors  # the legend
    # what is missing is made again, and nothing else
    (out / "001.ply").unlink()
    before = stamps(out)
    assert main([*files, "--save", "npz", "label", "ply"]) == 0
    assert "1 frames completed, 1 were there" in capsys.readouterr().out
    after = stamps(out)
    assert {name for name in before if name.startswith("000") and before[name] != after[name]} == set()
    assert after["001.png"] > before["001.png"]
    assert not [name for name in after if name.startswith(".")]
    # another mount is another run
    pose = RIG.rig.T_grid_camera.copy()
    pose[2, 3] -= GRID_HEIGHT
    (tmp_path / "robot.yaml").write_text(
        f"/**:\n  ros__parameters:\n    camera:\n      extrinsics: {pose_text(pose)}\n"
    )
    assert main([*files, "--params-file", str(tmp_path / "robot.yaml")]) == 1
    assert "holds other results: mount was found in the images, is now" in capsys.readouterr().err


@pytest.mark.slow
def test_a_bag_is_completed_by_its_stamps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder = MessageEncoder(load_typestore())
    with open_bag(tmp_path / "bag", encoder.store) as bag:
        for number in range(2):
            stamp = SECOND + number * SECOND // 10
            infos, images = encoder.camera_infos(stamp, RIG.rig), RIG.pair(along=0.7 * number)
            for topic, message in (
                (TOPICS.left_info, infos[0]),
                (TOPICS.right_info, infos[1]),
                (TOPICS.left_image, encoder.image(stamp, images[0])),
                (TOPICS.right_image, encoder.image(stamp, images[1])),
            ):
                bag.write(Record(stamp, topic, *message))
    out = tmp_path / "out"
    assert main(["complete", "--bag", str(tmp_path / "bag"), "--out", str(out), "--film", "mp4"]) == 0
    assert "2 frames completed" in capsys.readouterr().out
    grids = sorted(out.glob("*.npz"))
    assert [path.stem for path in grids] == [f"{SECOND:019d}", f"{SECOND + SECOND // 10:019d}"]
    assert load_grid(grids[0]).stamp == SECOND
    assert (out / "film.mp4").stat().st_size > 10_000


def without_right(folder: Path) -> None:
    (folder / "right" / "001.png").unlink()


def smaller(folder: Path) -> None:
    for side in ("left", "right"):
        path = str(folder / side / "001.png")
        assert cv2.imwrite(path, cv2.imread(path)[::2, ::2])


def other_calibration(folder: Path) -> None:
    (folder / "left.yaml").write_text("T: [0, 1]\n")


def damaged(folder: Path) -> None:
    (folder / "right" / "000.png").write_bytes(b"no image")


def swapped(folder: Path) -> None:
    (folder / "left").rename(folder / "other")
    (folder / "right").rename(folder / "left")
    (folder / "other").rename(folder / "right")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_right, ("has 2 images", "1; expected as many in each")),
        (smaller, ("320 x 200 pixels", "640 x 400")),
        (other_calibration, ("left.yaml is no camera_info file",)),
        (damaged, ("000.png", "damaged")),
        (swapped, ("swapped", "--params-file")),
    ],
)
def test_wrong_files_are_one_line(
    files: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
    words: tuple[str, ...],
) -> None:
    change(tmp_path)
    assert main(files) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in words)
    assert not (tmp_path / "out").exists()


def test_the_parts_belong_together(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complete"]) == 1
    assert "or --bag" in capsys.readouterr().err
    assert main([*files, "--bag", "drive"]) == 1
    assert "no --bag" in capsys.readouterr().err
    assert main([*files[:3], "--out", "x"]) == 1
    assert "need all of --left, --right and --calibration" in capsys.readouterr().err
