"""Labels at half resolution in torch against the rule in numpy."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ssc_ros.data import labels_half
from ssc_ros.training.halve import halve

# few classes, so that ties are common
LABELS = st.sampled_from([0, 1, 2, 19, 255])
VOLUMES = array_shapes(min_dims=4, max_dims=4, max_side=3).flatmap(
    lambda shape: arrays(np.uint8, (shape[0], *(2 * n for n in shape[1:])), elements=LABELS)
)


@settings(max_examples=60, deadline=None)
@given(VOLUMES)
def test_torch_and_numpy_agree(volumes):
    ours = halve(torch.from_numpy(volumes))
    assert ours.dtype == torch.uint8
    np.testing.assert_array_equal(ours.numpy(), np.stack([labels_half.halve(volume) for volume in volumes]))
