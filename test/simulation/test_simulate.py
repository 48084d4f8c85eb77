"""Simulating is repeatable, resumable, and says what is wrong."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ssc_ros.cli import main
from ssc_ros.core import SscError
from ssc_ros.simulation.rig_file import read_rig
from ssc_ros.simulation.rig_random import random_rig
from ssc_ros.simulation.sequence import SequenceJob
from ssc_ros.simulation.simulate import simulate


def contents(job: SequenceJob) -> dict[Path, bytes]:
    return {p.relative_to(job.root): p.read_bytes() for p in sorted(job.root.rglob("*")) if p.is_file()}


def test_an_interrupted_run_on_two_processes_ends_in_the_same_bytes(synth_job: SequenceJob, tmp_path: Path) -> None:
    job = replace(synth_job, root=tmp_path)
    run = simulate([job], processes=1)
    next(run)
    run.close()  # interrupted after the first frame
    present = contents(job)
    assert present.keys() < contents(synth_job).keys()
    # a process that was killed leaves a frame without one of its files, and a temporary file
    shutil.copy(job.path / "velodyne" / "000000.bin", job.path / "velodyne" / ".000001.bin.killed")
    (job.path / "labels" / "000000.label").unlink()
    for _ in simulate([job], processes=2):
        pass
    assert contents(job) == contents(synth_job)


def test_a_finished_run_is_left_as_it_is(synth_job: SequenceJob) -> None:
    files = [p for p in synth_job.path.rglob("*.*") if p.parent != synth_job.path]
    before = {p: p.stat().st_mtime_ns for p in files}
    steps = list(simulate([synth_job], processes=1))
    assert steps[-1] == (3 + 2, 3 + 2)
    assert {p: p.stat().st_mtime_ns for p in files} == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"name": "09"}])
def test_another_seed_or_number_is_another_place(
    synth_job: SequenceJob, tmp_path: Path, change: dict[str, int | str]
) -> None:
    job = replace(synth_job, root=tmp_path, frames=1, scans=1, images="voxels", **change)
    for _ in simulate([job], processes=1):
        pass
    for name in ("velodyne/000000.bin", "image_2/000000.png"):
        assert (job.path / name).read_bytes() != (synth_job.path / name).read_bytes()


def test_images_of_voxel_frames_only(tmp_path: Path) -> None:
    job = SequenceJob(tmp_path, "30", seed=0, frames=2, voxel_step=2, images="voxels", scans=1)
    for _ in simulate([job], processes=1):
        pass
    assert [p.name for p in sorted((job.path / "image_2").iterdir())] == ["000000.png"]
    assert len(list((job.path / "velodyne").iterdir())) == 2


def test_left_images_alone_are_those_of_the_whole_simulation(synth_job: SequenceJob, tmp_path: Path) -> None:
    """And their classes; nothing that another sensor would have seen."""
    job = replace(synth_job, root=tmp_path, images="left")
    assert list(simulate([job], processes=1))[-1] == (2, 2)
    written = {p.relative_to(job.path) for folder in job.path.iterdir() if folder.is_dir() for p in folder.iterdir()}
    names = [f"{folder}/{frame}.png" for folder in ("image_2", "semantic_2") for frame in ("000000", "000002")]
    assert written == {Path(name) for name in names}
    for name in names:
        assert (job.path / name).read_bytes() == (synth_job.path / name).read_bytes()


def test_left_images_show_the_place_of_the_whole_simulation(tmp_path: Path) -> None:
    """The whole simulation drives on for the sweeps of its last truth. For 141 frames the street would be shorter."""
    whole = SequenceJob(tmp_path, "08", seed=0, frames=141, voxel_step=20)
    left = replace(whole, images="left")
    np.testing.assert_array_equal(left.world.grid_pose(140), whole.world.grid_pose(140))
    assert len(left.world.still) == len(whole.world.still)


def test_a_folder_of_another_simulation_is_not_mixed(synth_job: SequenceJob) -> None:
    with pytest.raises(SscError, match=r"seed.*remove the folder"):
        next(simulate([replace(synth_job, seed=5)], processes=1))


def test_a_folder_of_other_data_is_left_alone(tmp_path: Path) -> None:
    job = SequenceJob(tmp_path, "08", 0, 1)
    (job.path / "image_2").mkdir(parents=True)
    with pytest.raises(SscError, match="not simulated"):
        next(simulate([job], processes=1))


def test_an_unwritable_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["simulate", "--out", str(tmp_path / "file" / "deep"), "--frames", "1", "--jobs", "1"]) == 1
    error = capsys.readouterr().err
    assert "cannot write to" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [["--sequences", "8"], ["--sequences", "00,xx"], ["--sequences", "00,00"], ["--frames", "0"], ["--jobs", "-1"]],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--out", str(tmp_path), *arguments])
    assert arguments[1] in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_negative_seed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--out", str(tmp_path), "--seed", "-3"]) == 1
    assert "--seed is -3" in capsys.readouterr().err


def test_a_rig_that_is_neither_a_word_nor_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "synth"
    assert main(["simulate", "--out", str(out), "--rig", "kiti"]) == 1
    assert "expected kitti, random, or a YAML file" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("rig", ["kitti", "random", "config/rig.yaml"])
def test_the_command_gives_each_sequence_its_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rig: str) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    asked: list[SequenceJob] = []

    def noted(jobs: list[SequenceJob], _processes: int) -> list[tuple[int, int]]:
        asked.extend(jobs)
        return []

    monkeypatch.setattr("ssc_ros.simulation.simulate.simulate", noted)
    assert main(["simulate", "--out", str(tmp_path), "--seed", "3", "--sequences", "07,12", "--rig", rig]) == 0
    expected = {
        "kitti": [None, None],
        "random": [random_rig(3, 7), random_rig(3, 12)],
        "config/rig.yaml": [read_rig(Path("config/rig.yaml"))] * 2,
    }
    assert [job.rig_spec for job in asked] == expected[rig]


def test_the_command_writes_a_sequence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sequences", "31", "--frames", "1", "--jobs", "1", "--images", "voxels"]
    # the ground truth of one frame takes 71 sweeps: enough for a test to use it once
    assert main(["simulate", "--out", str(tmp_path), *arguments]) == 0
    assert "1 sequences, 1 frames, 1 ground truths" in capsys.readouterr().out
    sequence = tmp_path / "sequences" / "31"
    assert {p.name for p in sequence.iterdir()} == {
        "calib.txt", "image_2", "image_3", "labels", "poses.txt", "semantic_2", "simulation.json", "times.txt",
        "velodyne", "voxels",
    }  # fmt: skip
    assert "Synth-KITTI" in (tmp_path / "README.txt").read_text()
