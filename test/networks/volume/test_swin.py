"""Swin stages against transformers', and what a window can see."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from ssc_ros.core import SscError
from ssc_ros.networks.volume.swin import SwinStages, WindowAttention, foreign, merge, partition


@pytest.mark.parametrize("shape", [(32, 32), (32, 16), (28, 42)])
def test_stages_equal_those_of_transformers(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Also where the window does not divide the map, and with shifted windows."""
    transformers = pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    torch.manual_seed(0)
    config = transformers.SwinConfig(
        image_size=32,
        patch_size=1,
        embed_dim=12,
        depths=[2, 3],
        num_heads=[2, 3],
        drop_path_rate=0.1,
        initializer_range=0.3,
    )
    theirs = transformers.SwinModel(config, add_pooling_layer=False).eval()
    for name, parameter in theirs.named_parameters():
        if "bias" in name:
            torch.nn.init.normal_(parameter)
    torch.nn.init.zeros_(theirs.layernorm.bias)
    theirs.save_pretrained(tmp_path)
    ours = SwinStages(12, (2, 3), (2, 3)).eval()
    ours.load_pretrained(tmp_path)
    image = torch.randn(2, 3, *shape)
    with torch.no_grad():
        expected = theirs(image).last_hidden_state
        tokens = theirs.embeddings(image)[0].unflatten(1, shape)
        found = ours(tokens)[-1]
    assert found.shape == (2, shape[0] // 2, shape[1] // 2, 24)
    torch.testing.assert_close(functional.layer_norm(found, (24,)).flatten(1, 2), expected, atol=1e-4, rtol=1e-4)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    config = transformers.SwinConfig(embed_dim=12, depths=[2, 2], num_heads=[2, 2])
    transformers.SwinModel(config).save_pretrained(tmp_path)
    with pytest.raises(SscError, match="not the weights"):
        SwinStages(12, (2, 4), (2, 2)).load_pretrained(tmp_path)


def test_windows_merge_to_the_map_they_were_cut_from() -> None:
    x = torch.randn(2, 6, 9, 4)
    windows = partition(x, 3)
    assert windows.shape == (2, 6, 9, 4)
    torch.testing.assert_close(windows[1, 4], x[1, 3:6, 3:6].flatten(0, 1))
    torch.testing.assert_close(merge(windows, 3, 3), x)


def test_only_the_windows_across_the_seam_hold_strangers() -> None:
    strangers = foreign(9, 12, window=3, shift=1, device=torch.device("cpu")).flatten(1).any(dim=1).view(3, 4)
    expected = torch.zeros(3, 4, dtype=torch.bool)
    expected[-1], expected[:, -1] = True, True
    assert torch.equal(strangers, expected)


@pytest.mark.parametrize("shift", [0, 1])
def test_attention_reaches_its_window_and_no_further(shift: int) -> None:
    torch.manual_seed(0)
    attention = WindowAttention(4, 2, 3, shift).double()
    x = torch.randn(1, 6, 6, 4, dtype=torch.double, requires_grad=True)
    (gradient,) = torch.autograd.grad(attention(x)[0, 2, 2].sum(), x)
    reached = gradient[0].abs().sum(-1) > 0
    expected = torch.zeros(6, 6, dtype=torch.bool)
    expected[(window := slice(shift, 3 + shift)), window] = True
    assert torch.equal(reached, expected)
