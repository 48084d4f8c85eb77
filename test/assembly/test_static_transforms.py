"""Static transforms of a bag."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.assembly.static_transforms import StaticTransforms
from ssc_ros.core import poses
from ssc_ros.messages.encoder import MessageEncoder
from ssc_ros.messages.typestore import load_typestore

OPTICAL = poses.from_quaternion(np.array([-0.5, 0.5, -0.5, 0.5]), np.array([0.3, 0.05, -0.1]))


def test_static_transforms_are_a_tree() -> None:
    encoder = MessageEncoder(load_typestore())

    def message(parent: str, **children: NDArray[np.float64]) -> Any:
        kind, raw = encoder.transforms(0, parent, children)
        return encoder.store.deserialize_cdr(raw, kind)

    a, b = OPTICAL, poses.inverse(OPTICAL) @ OPTICAL @ OPTICAL
    tree = StaticTransforms([message("root", left=a, other=b), message("left", tip=a)])
    np.testing.assert_allclose(tree.lookup("root", "tip"), a @ a, atol=1e-12)
    np.testing.assert_allclose(tree.lookup("tip", "other"), poses.inverse(a @ a) @ b, atol=1e-12)
    np.testing.assert_allclose(tree.lookup("tip", "tip"), np.eye(4), atol=1e-12)
    with pytest.raises(LookupError, match="does not connect 'moon' with 'root'"):
        tree.lookup("root", "moon")
    with pytest.raises(LookupError, match="circle"):
        StaticTransforms([message("a", b=a), message("b", a=a)]).lookup("a", "c")
