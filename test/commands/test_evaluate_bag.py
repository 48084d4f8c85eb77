"""What comes out of a bag scores exactly as what went in, every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ssc_ros.cli import main


def scores(results: Path) -> Any:
    metrics = json.loads((results / "latest" / "metrics.json").read_text())
    assert metrics["frames"] == 2
    return metrics["regions"], metrics["obstacles"]


def test_a_bag_scores_like_the_data_set_it_came_from_and_twice_the_same(
    kitti_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(kitti_root), "--sequence", "08"]
    assert main(["kitti2bag", *data, "--out", str(tmp_path / "bag")]) == 0
    assert "10 frames, 2 with ground truth" in capsys.readouterr().out
    how = ["--baseline", "stereo", "--pictures", "0", "--results", str(tmp_path / "results")]
    assert main(["evaluate", *data, *how]) == 0
    expected = scores(tmp_path / "results")
    assert expected[0]["51.2 m"]["iou"] > 0.05
    assert expected[1]["12.8 m in view"]["obstacle_columns"] > 0
    parameters = tmp_path / "robot.yaml"  # KITTI's images have no distortion left, so rectifying them changes nothing
    parameters.write_text("/**:\n  ros__parameters:\n    rectify: true\n")
    for further in ([], ["--params-file", str(parameters)]):
        assert main(["evaluate-bag", "--bag", str(tmp_path / "bag"), *how, *further]) == 0
        assert scores(tmp_path / "results") == expected
    assert len([folder for folder in (tmp_path / "results").iterdir() if not folder.is_symlink()]) == 3
    # fused, with what came between the frames with ground truth
    assert main(["evaluate-bag", "--bag", str(tmp_path / "bag"), *how[:-1], str(tmp_path / "fused"), "--fuse"]) == 0
    both = [json.loads(path.read_text()) for path in sorted((tmp_path / "fused").glob("2*/metrics.json"))]
    assert [metrics["config"]["fused"] for metrics in both] == [False, True]
    assert both[0]["regions"] == expected[0]
    assert both[1]["regions"] != expected[0]


def test_a_bag_without_ground_truth_is_refused(
    kitti_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ["--data", str(kitti_tree), "--sequence", "08", "--no-truth"]
    assert main(["kitti2bag", *source, "--out", str(tmp_path / "bag")]) == 0
    capsys.readouterr()
    assert main(["evaluate-bag", "--bag", str(tmp_path / "bag"), "--baseline", "stereo"]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert "no messages on /ground_truth/grid; its topics are" in errors[0]


def test_topics_of_other_names_are_asked_for_by_these(
    kitti_tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kitti2bag", "--data", str(kitti_tree), "--sequence", "08", "--out", str(tmp_path / "bag")]) == 0
    capsys.readouterr()
    how = ["--bag", str(tmp_path / "bag"), "--baseline", "stereo", "--topic", "left_image=/front/left/image"]
    assert main(["evaluate-bag", *how]) == 1
    assert "no messages on /front/left/image" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["evaluate-bag", *how, "--topic", "leftimage=/front/left/image"])
    assert "inputs are left_image, left_info" in capsys.readouterr().err
