"""Clouds with classes, as the node publishes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2

TOPIC = "ssc_node/points_semantic"


def read(message: PointCloud2) -> NDArray[np.void]:
    """Columns of a `~/points_semantic` by name, by the message's own description."""
    names = {2: "u1", 7: "<f4"}
    kind = np.dtype(
        {
            "names": [f.name for f in message.fields],
            "formats": [names[f.datatype] for f in message.fields],
            "offsets": [f.offset for f in message.fields],
            "itemsize": message.point_step,
        }
    )
    assert message.row_step == message.width * message.point_step
    return np.frombuffer(message.data, kind)
