"""Made rigs as image files with calibration files: the good one is measured, each wrong one is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from ssc_ros.assembly.doctor.files import examine_files
from ssc_ros.assembly.doctor.parameters import read_settings
from ssc_ros.assembly.doctor.stereo import StereoExamination
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.settings_rules import pose_text
from ssc_ros.cli import main
from ssc_ros.core import GRID_HEIGHT, SscError, poses
from ssc_ros.inference.mount import mount_of

from .made_rig import Image, MadeRig, distorted

FRAMES = 3
GOOD = MadeRig.of(height=1.2, pitch=8.0, roll=-3.0)
RIGS = {
    "indoor robot": MadeRig.of(0.4, 5.0, 0.0, baseline=0.12),
    "delivery robot": MadeRig.of(0.7, -2.0, 1.0, baseline=0.12),
    "field robot": GOOD,
    "car": MadeRig.of(1.7, 0.0, 2.0, baseline=0.5),
    "truck": MadeRig.of(2.5, 15.0, 1.0, baseline=0.3),
}


Change = Callable[[Image, Image], tuple[Image, Image]]


def write(folder: Path, rig: MadeRig, change: Change = lambda left, right: (left, right)) -> None:
    for number in range(FRAMES):
        for side, image in zip(("left", "right"), change(*rig.pair(along=0.7 * number)), strict=True):
            (folder / side).mkdir(exist_ok=True, parents=True)
            assert cv2.imwrite(str(folder / side / f"{number:04d}.png"), image)


def examine(folder: Path, calibration: list[Path], settings: Settings | None = None) -> StereoExamination:
    return examine_files(folder / "left", folder / "right", calibration, settings or Settings(), FRAMES)


def complaints(examination: StereoExamination) -> list[str]:
    return [f"{finding.what}: {finding.text}" for finding in examination.findings if not finding.ok]


@pytest.mark.parametrize("name", RIGS)
def test_the_mount_of_a_good_rig_is_measured(tmp_path: Path, name: str) -> None:
    rig = RIGS[name]
    write(tmp_path, rig)
    found = examine(tmp_path, rig.write_calibration(tmp_path))
    assert complaints(found) == []
    assert found.mount is not None
    assert abs(found.mount.height - rig.mount.height) < 0.03
    assert np.degrees(abs(found.mount.pitch - rig.mount.pitch)) < 0.3
    assert np.degrees(abs(found.mount.roll - rig.mount.roll)) < 0.3


WRONG: dict[str, tuple[str, Change]] = {
    "swapped": ("swapped", lambda left, right: (right, left)),
    "rows off": ("4.0 rows lower", lambda left, right: (left, np.roll(right, 4, axis=0))),
    "distorted": ("rectified", lambda left, right: (distorted(left, GOOD.rig), distorted(right, GOOD.rig))),
    "one camera": ("are the same", lambda left, right: (left, left)),
    "overexposed": ("exposure", lambda left, right: (white_top(left), white_top(right))),
    "half size": ("image size", lambda left, right: (left[::2, ::2], right[::2, ::2])),
}


def white_top(image: Image) -> Image:
    changed = image.copy()
    changed[:200] = 255
    return changed


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_of_the_images_is_named(tmp_path: Path, name: str) -> None:
    words, change = WRONG[name]
    write(tmp_path, GOOD, change)
    found = complaints(examine(tmp_path, GOOD.write_calibration(tmp_path)))
    assert len(found) >= 1
    assert words in " ".join(found)


def test_a_baseline_in_centimetres_is_named(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    found = complaints(examine(tmp_path, GOOD.write_calibration(tmp_path, unit=0.01)))
    assert len(found) == 1
    assert "baseline is 20 m" in found[0]


def given(pose: NDArray[np.float64]) -> Settings:
    extrinsics = (*pose[:3, 3].tolist(), *poses.to_quaternion(pose).tolist())
    return Settings.from_values({"camera.extrinsics": extrinsics})


@pytest.mark.parametrize(("pitch", "lower", "agrees"), [(0.0, 0.0, True), (4.0, 0.0, False), (0.0, 1.73, False)])
def test_extrinsics_that_the_ground_denies_are_named(tmp_path: Path, pitch: float, lower: float, agrees: bool) -> None:
    """Another pitch, or a grid frame whose origin is on the ground."""
    write(tmp_path, GOOD)
    mount = GOOD.mount
    pose = MadeRig.of(mount.height, np.degrees(mount.pitch) + pitch, np.degrees(mount.roll)).rig.T_grid_camera
    pose[2, 3] += lower - GRID_HEIGHT
    found = complaints(examine(tmp_path, GOOD.write_calibration(tmp_path), given(pose)))
    assert (found == []) == agrees
    assert all(text.startswith("mount: the images show the left camera 1.") for text in found)


def test_what_is_written_starts_the_node_with_the_true_mount(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, GOOD)
    files = GOOD.write_calibration(tmp_path)
    parameters = tmp_path / "robot.yaml"
    sides = [f"--{side}={tmp_path / side}" for side in ("left", "right")]
    arguments = ["doctor", *sides, "--calibration", *map(str, files), "--write", str(parameters)]
    assert main(arguments) == 0
    settings = read_settings(parameters)
    pose = np.array(settings.camera.extrinsics)
    assert f"camera.extrinsics: {pose_text(poses.from_quaternion(pose[3:], pose[:3]))}" in capsys.readouterr().out
    written = mount_of(poses.from_quaternion(pose[3:], pose[:3]), -GRID_HEIGHT)
    assert abs(written.height - GOOD.mount.height) < 0.03
    assert np.degrees(abs(written.pitch - GOOD.mount.pitch)) < 0.3
    assert abs(pose[:2]).max() == 0
    # it confirms itself, and is not overwritten
    assert main(arguments) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*arguments, "--params-file", str(parameters), "--force"]) == 0
    assert "the given extrinsics agree" in capsys.readouterr().out


def test_nothing_is_written_for_a_wrong_rig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, GOOD, WRONG["swapped"][1])
    files = map(str, GOOD.write_calibration(tmp_path))
    arguments = ["--left", str(tmp_path / "left"), "--right", str(tmp_path / "right"), "--calibration", *files]
    assert main(["doctor", *arguments, "--write", str(tmp_path / "robot.yaml")]) == 1
    assert not (tmp_path / "robot.yaml").exists()
    assert "swapped" in capsys.readouterr().out


def test_extrinsics_are_those_of_the_frame_that_the_calibration_speaks_in(tmp_path: Path) -> None:
    """A left camera 6 cm off the reference, as KITTI's colour camera is: the extrinsics are the reference's."""
    write(tmp_path, GOOD)
    left, right = GOOD.projections()
    for p in (left, right):
        p[0, 3] += left[0, 0] * 0.06
    text = "".join(f"{name}: {' '.join(map(str, p.reshape(12)))}\n" for name, p in (("P2", left), ("P3", right)))
    (tmp_path / "calib.txt").write_text(text)
    pose = examine(tmp_path, [tmp_path / "calib.txt"]).T_grid_reference
    assert pose is not None
    left_centre = pose[:3, :3] @ [-0.06, 0, 0] + pose[:3, 3]
    np.testing.assert_allclose(left_centre[:2], 0, atol=1e-9)


def test_files_that_do_not_fit_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "right" / "0000.png").unlink()
    arguments = ["doctor", "--left", str(tmp_path / "left"), "--right", str(tmp_path / "right")]
    assert main(arguments) == 1
    assert main([*arguments, "--calibration", *map(str, GOOD.write_calibration(tmp_path))]) == 1
    said = capsys.readouterr().err
    assert "--calibration" in said
    assert "has 3 images" in said


@pytest.mark.parametrize("content", ["", "[1, 2]", "a: b", "/**: {ros__parameters: {sync: {slop: x}}}"])
def test_a_parameter_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "p.yaml").write_text(content)
    if not content:
        assert read_settings(tmp_path / "p.yaml") == Settings()
        return
    with pytest.raises(SscError, match="parameter"):
        read_settings(tmp_path / "p.yaml")


def seen_by_a_lens(image: Image, rig: MadeRig, coefficients: list[float]) -> Image:
    """The raw image: each of its pixels shows what the ideal camera has where that pixel's ray ends."""
    height, width = rig.rig.image_size
    raw = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    matrix = rig.rig.camera_matrix
    ideal = cv2.undistortPoints(raw, matrix, np.array(coefficients), P=matrix).reshape(height, width, 2)
    return np.asarray(cv2.remap(image, ideal.astype(np.float32), None, cv2.INTER_LINEAR), np.uint8)


def test_raw_images_are_named_and_rectified_on_demand(tmp_path: Path) -> None:
    lens = [-0.2, 0.03, 0.001, 0.0, 0.0], [-0.17, 0.02, 0.0, 0.003, 0.0]
    write(tmp_path, GOOD, lambda *pair: tuple(seen_by_a_lens(i, GOOD, d) for i, d in zip(pair, lens, strict=True)))
    files = GOOD.write_calibration(tmp_path)
    for file, coefficients in zip(files, lens, strict=True):
        content = yaml.safe_load(file.read_text())
        content["camera_matrix"] = {"data": GOOD.rig.camera_matrix.reshape(9).tolist()}
        content["distortion_coefficients"] = {"data": coefficients}
        content["rectification_matrix"] = {"data": np.eye(3).reshape(9).tolist()}
        file.write_text(yaml.safe_dump(content))
    (complaint,) = complaints(examine(tmp_path, files))
    assert "rectif" in complaint
    found = examine(tmp_path, files, Settings(rectify=True))
    assert complaints(found) == []
    assert found.mount is not None
    assert abs(found.mount.height - GOOD.mount.height) < 0.03
    assert abs(found.mount.pitch - GOOD.mount.pitch) < np.radians(0.3)


def test_images_without_a_lens_in_their_calibration_cannot_be_rectified(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    found = examine(tmp_path, GOOD.write_calibration(tmp_path), Settings(rectify=True))
    assert any("the left camera_info has no K" in text for text in complaints(found))
