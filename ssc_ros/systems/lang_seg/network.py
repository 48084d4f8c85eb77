"""LSeg (Li et al., ICLR 2022, arXiv 2201.03546): classes of pixels by their nearness to text.

It teaches VLScene (`ssc_ros.distillation`), and completes no scene. The published network is a dense prediction
transformer on CLIP's largest image encoder and its text encoder; here both are whatever they are given.
"""

from __future__ import annotations

from torch import Tensor, nn

from ssc_ros.networks.backbones.normalization import ImageNormalization
from ssc_ros.networks.heads.text_aligned import TextAlignedHead
from ssc_ros.systems.spec import InputSpec, SceneInputs, SceneNetwork, SceneOutput


class LangSeg(SceneNetwork):
    """Left image -> logits of the prompts in each image cell, and tap `image.embedding` [B, F, h, w] of unit length.

    Args:
        spec: how images are prepared.
        encoder: [B, 3, H, W] -> [B, C, h, w].
        channels: C.
        text: [K, F] fixed embeddings of the prompts, of unit length; prompt k is class k.
    """

    completes = False

    def __init__(self, spec: InputSpec, encoder: nn.Module, channels: int, text: Tensor) -> None:
        super().__init__(spec, len(text))
        self.encoder = encoder
        self.head = TextAlignedHead(channels, text)
        self.normalize = ImageNormalization(spec.mean, spec.std)

    def forward(self, inputs: SceneInputs) -> SceneOutput:
        """Predict the classes of the image cells; there is no scene and no depth."""
        image = self.normalize(inputs["image"])
        embeddings, logits = self.head(self.encoder(image))
        return SceneOutput(None, image=logits, taps={"image.embedding": embeddings})
