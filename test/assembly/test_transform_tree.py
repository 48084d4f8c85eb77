"""The tree of frames of /tf_static and /tf, against chains of SciPy's rotations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from ssc_ros.assembly.transform_tree import TransformTree
from ssc_ros.core import poses
from ssc_ros.messages.encoder import MessageEncoder
from ssc_ros.messages.typestore import load_typestore

OPTICAL = poses.from_quaternion(np.array([-0.5, 0.5, -0.5, 0.5]), np.array([0.3, 0.05, -0.1]))
ENCODER = MessageEncoder(load_typestore())
SECOND = 1_000_000_000


def message(parent: str, stamp: int = 0, **children: NDArray[np.float64]) -> Any:
    kind, raw = ENCODER.transforms(stamp, parent, children)
    return ENCODER.store.deserialize_cdr(raw, kind)


def test_static_transforms_are_a_tree() -> None:
    a, b = OPTICAL, poses.inverse(OPTICAL) @ OPTICAL @ OPTICAL
    tree = TransformTree([message("root", left=a, other=b), message("left", tip=a)])
    np.testing.assert_allclose(tree.lookup("root", "tip"), a @ a, atol=1e-12)
    np.testing.assert_allclose(tree.lookup("tip", "other"), poses.inverse(a @ a) @ b, atol=1e-12)
    np.testing.assert_allclose(tree.lookup("tip", "tip"), np.eye(4), atol=1e-12)
    with pytest.raises(LookupError, match="does not connect 'moon' with 'root'"):
        tree.lookup("root", "moon")
    with pytest.raises(LookupError, match="circle"):
        TransformTree([message("a", b=a), message("b", a=a)]).lookup("a", "c")


@given(seed=st.integers(0, 10_000), size=st.integers(2, 9))
def test_any_two_frames_of_a_random_tree_are_connected_as_the_places_in_the_world_say(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    world = [np.eye(4)]
    tree = TransformTree(name="TF")
    for child in range(1, size):
        parent = int(rng.integers(child))
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = Rotation.random(random_state=rng).as_matrix(), rng.uniform(-5, 5, 3)
        world.append(world[parent] @ step)
        take = tree.take if rng.random() < 0.5 else tree.take_static
        take(message(f"f{parent}", stamp=5 * SECOND, **{f"f{child}": step}))
    one, other = rng.integers(size, size=2)
    expected = np.linalg.inv(world[one]) @ world[other]
    np.testing.assert_allclose(tree.lookup(f"f{one}", f"f{other}"), expected, atol=1e-9)


def test_frames_that_move_are_taken_at_their_newest_common_time() -> None:
    tree = TransformTree(name="TF")
    turns = [Rotation.from_euler("z", angle) for angle in (0.0, 0.6)]
    for second, turn in enumerate(turns, start=1):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = turn.as_matrix(), [second, 0, 0]
        tree.take(message("odom", stamp=second * SECOND, base=pose))
    half_way = 3 * SECOND // 2
    tree.take(message("base", stamp=half_way, head=OPTICAL))
    stamp, found = tree.newest("odom", "head")
    assert stamp == half_way
    turned = Slerp([1, 2], Rotation.concatenate(turns))(1.5)
    between = np.eye(4)
    between[:3, :3], between[:3, 3] = turned.as_matrix(), [1.5, 0, 0]
    np.testing.assert_allclose(found, between @ OPTICAL, atol=1e-9)
    # what moves both frames alike does not matter: no common time with it is asked for
    tree.take(message("odom", stamp=100 * SECOND, base=np.eye(4)))
    tree.take_static(message("base", tail=np.eye(4)))
    assert tree.newest("tail", "head")[0] == half_way


def test_frames_without_a_common_time_are_an_error() -> None:
    tree = TransformTree(name="TF")
    tree.take(message("a", stamp=10 * SECOND, b=np.eye(4)))
    tree.take(message("b", stamp=SECOND, c=np.eye(4)))
    with pytest.raises(LookupError, match="no common time"):
        tree.lookup("a", "c")


def test_a_transform_that_cannot_be_used_is_left_out_and_named() -> None:
    broken = message("base", camera=OPTICAL)
    broken.transforms[0].transform.rotation.w = float("nan")
    tree = TransformTree([broken, message("base", lidar=OPTICAL)])
    with pytest.raises(LookupError, match=r"the transform of 'camera' in '.*' cannot be used"):
        tree.lookup("base", "camera")
    np.testing.assert_allclose(tree.lookup("base", "lidar"), OPTICAL)
    tree.take_static(message("base", camera=OPTICAL))
    np.testing.assert_allclose(tree.lookup("base", "camera"), OPTICAL)
