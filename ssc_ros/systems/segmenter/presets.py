"""Sizes of the image segmenter: `edge` for two CPU cores."""

from __future__ import annotations

from collections.abc import Callable

from ssc_ros.core import SEMANTIC_KITTI
from ssc_ros.networks.backbones.context_neck import ContextNeck
from ssc_ros.networks.backbones.efficientnet_lite import MEAN, STD, EfficientNetLite
from ssc_ros.systems.segmenter.network import Segmenter
from ssc_ros.systems.spec import InputSpec

EDGE_FEATURES = 64
"""Channels of the neck."""


def edge() -> Segmenter:
    """EfficientNet-Lite0 up to stride 16, classes at stride 4 of a 192 x 640 image."""
    encoder = EfficientNetLite(0, stride=16)
    spec = InputSpec(image_size=(192, 640), context_size=(48, 160), mean=MEAN, std=STD, pair=())
    return Segmenter(
        spec,
        encoder=encoder,
        neck=ContextNeck(encoder.widths, out_channels=EDGE_FEATURES),
        channels=EDGE_FEATURES,
        classes=len(SEMANTIC_KITTI),
    )


PRESETS: dict[str, Callable[[], Segmenter]] = {"edge": edge}
