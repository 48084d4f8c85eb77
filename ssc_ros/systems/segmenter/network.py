"""Classes of image cells by a pretrained encoder that stays as it is, under a light pyramid.

The encoder has learned from photographs. It is frozen: on real images it is as good as a trained one, and cheaper.
"""

from __future__ import annotations

from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.dense import dense
from ssc_ros.networks.frozen import Frozen
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class Segmenter(SceneNetwork):
    """Left image -> class logits of its cells; class 0 is the sky.

    Args:
        spec: how images are prepared.
        encoder: [B, 3, H, W] -> a feature pyramid, finest first; it is never trained.
        neck: pyramid -> [B, C, h, w].
        channels: C.
        classes: number of classes, class 0 included.
    """

    completes = False

    def __init__(self, spec: InputSpec, encoder: nn.Module, neck: nn.Module, channels: int, classes: int) -> None:
        super().__init__(spec, classes)
        self.normalize = ImageNormalization(spec.mean, spec.std)
        self.encoder = Frozen(encoder)
        self.neck = neck
        self.classes = nn.Conv2d(channels, classes, 1)

    def features_and_classes(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] uint8 -> features [B, C, h, w] and logits [B, classes, h, w]."""
        features: Tensor = self.neck(self.encoder(self.normalize(image)))
        return features, self.classes(features)

    @dense
    def see(self, image: Tensor) -> Tensor:
        """[B, 3, H, W] uint8 -> logits [B, classes, h, w]."""
        return self.features_and_classes(image)[1]

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict the classes of the image cells; there is no scene and no depth."""
        return SceneOutput(None, image=self.see(inputs["image"]))
