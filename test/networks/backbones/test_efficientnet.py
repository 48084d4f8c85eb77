"""EfficientNet against the library it is built from, and the published parameter counts of it and its neck."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ssc_ros.core import SscError
from ssc_ros.networks.backbones.efficientnet import EfficientNet
from ssc_ros.networks.backbones.second_fpn import SecondFpn
from ssc_ros.networks.pretrained import load_backbone_weights

from ..sizes import parameters

transformers = pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")


@pytest.fixture(scope="module")
def library() -> nn.Module:
    """EfficientNet-B0 as transformers makes it, with lively weights and statistics."""
    torch.manual_seed(0)
    config = transformers.EfficientNetConfig(width_coefficient=1.0, depth_coefficient=1.0, hidden_dim=1280)
    model = transformers.EfficientNetModel(config)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def test_b7_and_its_neck_have_the_published_size() -> None:
    with torch.device("meta"):
        backbone = EfficientNet("b7")
        neck = SecondFpn(backbone.widths)
        pyramid = backbone.eval()(torch.empty(1, 3, 384, 1280))
        features = neck.eval()(pyramid)
    assert backbone.widths == (48, 80, 224, 640, 2560)
    assert [tuple(x.shape[1:]) for x in pyramid] == [
        (48, 96, 320),
        (80, 48, 160),
        (224, 24, 80),
        (640, 12, 40),
        (2560, 12, 40),
    ]
    assert features.shape == (1, neck.out_channels, 48, 160) == (1, 640, 48, 160)
    # counted in the published code
    assert parameters(backbone) == 63_786_960
    assert parameters(neck) == 6_704_384


def test_stored_weights_give_the_library_s_features(library: nn.Module, tmp_path: Path) -> None:
    library.save_pretrained(tmp_path)
    image = torch.randn(2, 3, 64, 96)
    backbone = EfficientNet("b0").eval()
    backbone.load_pretrained(tmp_path)
    with torch.no_grad():
        pyramid = backbone(image)
        theirs = library.encoder(library.embeddings(image), output_hidden_states=True)
    hidden = theirs.hidden_states[1:]
    # the last block of each size, as the library lists them
    last = [
        h
        for h, after in zip(hidden, [*hidden[1:], None], strict=True)
        if after is None or after.shape[-1] < h.shape[-1]
    ][1:]
    assert len(pyramid) == 5
    for ours, expected in zip(pyramid, [*last, theirs.last_hidden_state], strict=True):
        scale = expected.std()
        assert scale > 1e-3
        torch.testing.assert_close(ours / scale, expected / scale, atol=1e-4, rtol=1e-4)


def test_recomputing_blocks_changes_no_gradient() -> None:
    torch.manual_seed(0)
    backbone = EfficientNet("b0", drop_path=0.0).train()
    image = torch.randn(2, 3, 64, 64)
    gradients = []
    for recompute in (False, True):
        backbone.recompute = recompute
        backbone.zero_grad()
        sum(x.square().mean() for x in backbone(image)).backward()
        gradients.append([p.grad.clone() for p in backbone.parameters()])
    assert all(g.abs().max() > 0 for g in gradients[0])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_an_untrained_network_passes_signal_to_every_level() -> None:
    torch.manual_seed(0)
    backbone = EfficientNet("b0").train()
    for level in backbone(torch.randn(2, 3, 64, 64)):
        assert 0.05 < level.std() < 20


def test_weights_of_another_variant_are_refused(library: nn.Module, tmp_path: Path) -> None:
    library.save_pretrained(tmp_path)
    with pytest.raises(SscError, match="not the weights"):
        EfficientNet("b1").load_pretrained(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"model\.safetensors"):
        EfficientNet("b0").load_pretrained(tmp_path)


def test_a_network_tells_which_of_its_blocks_take_published_weights(library: nn.Module, tmp_path: Path) -> None:
    library.save_pretrained(tmp_path)
    network = torch.nn.ModuleDict({"backbone": EfficientNet("b0"), "head": torch.nn.Linear(1, 1)})
    before = network.state_dict()["backbone.blocks.3.expansion.expand_conv.weight"].clone()
    load_backbone_weights(network, {"backbone": tmp_path})
    assert not torch.equal(network.state_dict()["backbone.blocks.3.expansion.expand_conv.weight"], before)
    with pytest.raises(SscError, match=r"'head' is no block .* these do: backbone"):
        load_backbone_weights(network, {"head": tmp_path})


def test_a_missing_library_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SscError, match=r"pip install 'ssc_ros\[full\]'"):
        EfficientNet("b0")
