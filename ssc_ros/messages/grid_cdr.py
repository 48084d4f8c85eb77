"""SemanticGrid -> a serialised SemanticVoxelGrid, by rosbags: what goes into bags."""

from __future__ import annotations

import numpy as np

from ssc_ros.core import SemanticGrid
from ssc_ros.messages.codec import Encoding, encode
from ssc_ros.messages.encoder import MessageEncoder
from ssc_ros.messages.kitti_messages import EncodeGrid

MESSAGE_TYPE = "ssc_ros_msgs/msg/SemanticVoxelGrid"


def grid_encoder(encoder: MessageEncoder, encoding: Encoding = Encoding.BITMASK_LABELS) -> EncodeGrid:
    """A function that serialises grids with this encoder's types."""

    def encode_grid(grid: SemanticGrid) -> tuple[str, bytes]:
        fields = encode(grid, encoding)
        size_x, size_y, size_z = fields.shape
        T_frame_corner = np.eye(4)
        T_frame_corner[:3, 3] = fields.position
        return encoder.message(
            MESSAGE_TYPE,
            header=encoder.header(grid.stamp, fields.frame_id),
            origin=encoder.pose(T_frame_corner),
            voxel_size=fields.voxel_size,
            size_x=size_x,
            size_y=size_y,
            size_z=size_z,
            encoding=int(fields.encoding),
            label_set=fields.label_set,
            model_id=fields.model_id,
            labels=fields.labels,
            confidence=fields.confidence,
        )

    return encode_grid
