"""Preset and label set must agree on the classes."""

from __future__ import annotations

import pytest

from ssc_ros.core import SscError
from ssc_ros.training.scene_training import SceneTraining


def test_a_preset_of_other_classes_is_refused_before_any_data_is_read() -> None:
    with pytest.raises(SscError, match=r"l2cocc_image edge tells 20 classes apart, but .*'sscbench_kitti_360' has 19"):
        SceneTraining("l2cocc_image", "edge", label_set="sscbench_kitti_360")
