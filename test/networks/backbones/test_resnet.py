"""ResNet against the library it is built from, and its published parameter counts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ssc_ros.core import SscError
from ssc_ros.networks.backbones.resnet import ResNet

transformers = pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")


@pytest.mark.parametrize(
    ("variant", "whole", "last", "widths"),
    # counted in the published code of SGN
    [(50, 23_508_032, 14_964_736, (256, 512, 1024, 2048)), (18, 11_176_512, 8_393_728, (64, 128, 256, 512))],
)
def test_sizes_are_the_published_ones_with_and_without_the_last_stage(
    variant: int, whole: int, last: int, widths: tuple[int, int, int, int]
) -> None:
    with torch.device("meta"):
        four, three = ResNet(variant), ResNet(variant, stages=3)
        pyramid = three(torch.empty(1, 3, 370, 1220))
    assert four.widths == widths
    assert three.widths == widths[:3]
    assert sum(p.numel() for p in four.parameters()) == whole
    assert sum(p.numel() for p in three.parameters()) == whole - last
    assert [tuple(level.shape[1:]) for level in pyramid] == [
        (widths[0], 93, 305),
        (widths[1], 47, 153),
        (widths[2], 24, 77),
    ]


@pytest.fixture(scope="module")
def library() -> nn.Module:
    """ResNet-18 as transformers makes it, with lively statistics."""
    torch.manual_seed(0)
    config = transformers.ResNetConfig(hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic")
    model = transformers.ResNetModel(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("stages", [3, 4])
def test_stored_weights_give_the_library_s_features(library: nn.Module, tmp_path: Path, stages: int) -> None:
    library.save_pretrained(tmp_path)
    image = torch.randn(2, 3, 64, 96)
    backbone = ResNet(18, stages).eval()
    backbone.load_pretrained(tmp_path)
    pyramid = backbone(image)
    expected = library(image, output_hidden_states=True).hidden_states[1:]
    assert len(pyramid) == stages
    for ours, theirs in zip(pyramid, expected, strict=False):
        torch.testing.assert_close(ours, theirs)


def test_weights_of_another_variant_are_refused(library: nn.Module, tmp_path: Path) -> None:
    library.save_pretrained(tmp_path)
    with pytest.raises(SscError, match="not the weights"):
        ResNet(50, 3).load_pretrained(tmp_path)


def test_a_missing_library_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SscError, match=r"pip install 'ssc_ros\[full\]'"):
        ResNet(18)
