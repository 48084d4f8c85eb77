"""Bags and folders are shown message by message; what cannot be read is named once and left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssc_ros.cli import main
from ssc_ros.core import SEMANTIC_KITTI, SceneGrid, SemanticGrid, SscError
from ssc_ros.data.grid_files import LEFT_IMAGE, save_grid
from ssc_ros.data.semantic_kitti import SemanticKitti
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.topics import TOPICS
from ssc_ros.viewing.messages import MessageView, topics_to_view, view_bag
from ssc_ros.viewing.results import view_results

from .shown import ShownScene


def test_a_bag_is_shown_with_its_ground_truth_where_no_node_has_run(kitti_tree: Path, tmp_path: Path) -> None:
    (sequence,) = SemanticKitti(kitti_tree, ["08"]).sequences
    source = ["--data", str(kitti_tree), "--sequence", "08", "--out", str(tmp_path / "bag")]
    assert main(["kitti2bag", *source]) == 0
    scene, warnings = ShownScene(), list[str]()
    view = MessageView(scene, "raw", warnings.append)
    with open_bag_reader(tmp_path / "bag") as bag:
        view_bag(bag, view, topics_to_view(TOPICS, "ssc_node", "raw"), TOPICS.ground_truth)
    assert [grid.stamp for grid in scene.grids] == [sequence.stamp("000000"), sequence.stamp("000005")]
    assert np.array_equal(scene.grids[0].labels, sequence.target("000000"))
    assert len(scene.images) == 6
    assert np.array_equal(scene.images[3][1], sequence.frame("000003").left)
    shown = {stamp: points for stamp, points, _ in scene.points}
    points = sequence.frame("000005").points
    assert points is not None
    assert np.allclose(shown[sequence.stamp("000005")], points[:, :3])
    assert view.counts["status"] == 0
    assert warnings == []


def test_a_bag_without_anything_to_show_is_refused(kitti_tree: Path, tmp_path: Path) -> None:
    source = ["--data", str(kitti_tree), "--sequence", "08", "--out", str(tmp_path / "bag"), "--no-truth"]
    assert main(["kitti2bag", *source]) == 0
    view = MessageView(ShownScene(), "raw", lambda _: None)
    topics = dict.fromkeys(topics_to_view(TOPICS, "ssc_node", "raw"), "/nothing")
    with open_bag_reader(tmp_path / "bag") as bag, pytest.raises(SscError, match="no messages on /nothing"):
        view_bag(bag, view, topics, "/nothing")


def test_what_cannot_be_read_is_said_once(kitti_tree: Path, tmp_path: Path) -> None:
    assert main(["kitti2bag", "--data", str(kitti_tree), "--sequence", "08", "--out", str(tmp_path / "bag")]) == 0
    scene, warnings = ShownScene(), list[str]()
    view = MessageView(scene, "raw", warnings.append)
    with open_bag_reader(tmp_path / "bag") as bag:
        for record in bag.records({TOPICS.left_image}):
            message = bag.message(record)
            message.encoding = "nonsense"
            view.take("left_image", message)
    assert len(warnings) == 1
    assert "nonsense" in warnings[0]
    assert scene.images == []


def test_results_are_shown_with_their_images(tmp_path: Path) -> None:
    box = SceneGrid((0.0, 0.0, 0.0), 1.0, (4, 4, 4))
    for number in (1, 0):
        labels = np.full(box.shape, number + 1, np.uint8)
        save_grid(SemanticGrid(labels, box, SEMANTIC_KITTI, 10 * number), tmp_path, f"{number}", ["npz"])
    Image.new("RGB", (8, 6), (9, 9, 9)).save(tmp_path / f"1{LEFT_IMAGE}")
    scene = ShownScene()
    assert view_results(tmp_path, scene) == 2
    assert [(grid.stamp, int(grid.labels[0, 0, 0])) for grid in scene.grids] == [(0, 1), (10, 2)]
    assert [(stamp, image.shape) for stamp, image in scene.images] == [(10, (6, 8, 3))]


def test_a_folder_without_grids_says_what_makes_some(tmp_path: Path) -> None:
    with pytest.raises(SscError, match="ssc-ros complete --out"):
        view_results(tmp_path, ShownScene())


def test_topics_follow_the_names_of_node_and_inputs() -> None:
    topics = topics_to_view(TOPICS.remapped({"left/image_rect": "/zed/left"}), "/front/ssc_node", "compressed")
    assert topics["grid"] == "/front/ssc_node/grid"
    assert topics["left_image"] == "/zed/left/compressed"
    assert topics["points"] == TOPICS.points
