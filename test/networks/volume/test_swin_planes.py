"""The plane encoder: published sizes, planes of any shape, batches."""

from __future__ import annotations

import torch

from ssc_ros.networks.volume.swin_planes import SwinPlanes

from ..sizes import parameters


def test_the_encoder_has_the_published_size() -> None:
    with torch.device("meta"):
        encoder = SwinPlanes(128)
    assert parameters(encoder.neck) == 484_352  # counted in the published code
    assert parameters(encoder) - parameters(encoder.neck) == 27_712_506


def test_planes_of_any_shape_keep_it_and_leave_no_trace() -> None:
    """Small planes first: a layer that adapted its window to them would treat the next plane differently."""
    torch.manual_seed(0)
    encoder = SwinPlanes(16).eval()
    square, narrow = torch.randn(2, 16, 32, 32), torch.randn(2, 16, 32, 16)
    with torch.no_grad():
        refined, levels = encoder(square)
        narrow_refined, narrow_levels = encoder(narrow)
        again, _ = encoder(square)
    assert refined.shape == square.shape
    assert narrow_refined.shape == narrow.shape
    assert {name: tuple(level.shape[1:]) for name, level in levels.items()} == {
        "stage1": (192, 16, 16),
        "stage2": (384, 8, 8),
        "stage3": (768, 4, 4),
        "neck0": (16, 16, 16),
        "neck1": (16, 8, 8),
    }
    assert narrow_levels["stage3"].shape == (2, 768, 4, 2)
    torch.testing.assert_close(again, refined)


def test_a_plane_is_refined_alike_in_training_alone_and_in_a_batch() -> None:
    torch.manual_seed(0)
    encoder = SwinPlanes(8).eval()
    planes = torch.randn(2, 8, 16, 16)
    with torch.no_grad():
        both = encoder(planes)[0]
        alone = encoder(planes[:1])[0]
        for drop in (m for m in encoder.modules() if hasattr(m, "probability")):
            drop.probability = 0.0
        trained = encoder.train()(planes)[0]
    assert both.std() > 0.1
    torch.testing.assert_close(both[:1], alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both, trained, atol=1e-4, rtol=1e-4)
