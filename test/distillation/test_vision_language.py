"""Guidance by vision and language: closed forms, and what the stop-gradient is for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.distillation import Lesson, PixelGuidance, VisionLanguageDistillation
from ssc_ros.distillation.vision_language import VisionLanguageTutor
from ssc_ros.systems import SceneOutput

from ..networks.sizes import parameters
from . import tiny

BATCH, CHANNELS, FEATURES, CLASSES, SIZE = 2, 8, 12, 5, (6, 10)


def teacher(features: int = FEATURES, classes: int = CLASSES) -> SimpleNamespace:
    return SimpleNamespace(name="made up", identity="", width=features, classes=classes)


def tutor(
    channels: int = CHANNELS, *, of: SimpleNamespace | None = None, **recipe: float | bool
) -> VisionLanguageTutor:
    torch.manual_seed(0)
    return VisionLanguageTutor(VisionLanguageDistillation("made up", **recipe), of or teacher(), channels, SIZE)


def said(seed: int = 1) -> PixelGuidance:
    """Noise of the right shapes."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(BATCH, FEATURES, *SIZE, generator=generator)
    logits = 5 * torch.randn(BATCH, CLASSES, *SIZE, generator=generator)
    return PixelGuidance(nn.functional.normalize(features, dim=1).half(), logits.half())


def student(seed: int = 2) -> Tensor:
    return torch.randn(BATCH, CHANNELS, *SIZE, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def terms(of: VisionLanguageTutor, context: Tensor, guidance: PixelGuidance | None = None) -> dict[str, Tensor]:
    lesson = Lesson({}, torch.zeros(BATCH, 1, 1, 1), guidance or said())
    return of(SceneOutput(None, taps={"image.context": context}), lesson, torch.Generator())


def copy_the_student(of: VisionLanguageTutor) -> None:
    """Make the fusion pass the student's features through and ignore the teacher."""
    of.fusion.copy()
    for parameter in of.fusion.adapt_joint.parameters():
        nn.init.zeros_(parameter)


def test_blocks_have_the_published_sizes_at_the_published_widths() -> None:
    # VLScene at commit 66c4f8e: clip_fusion, img_clip_fusion and img_seg_head, with 512 features and 21 prompts
    published = tutor(128, of=teacher(512, 21), stop_gradient=False)
    assert parameters(published.fusion) == 202_368 + 66_048
    assert parameters(published.fusion.mix) == 202_368
    assert parameters(published.head) == 593_557


def test_the_published_form_is_satisfied_by_a_fusion_that_copies_the_student() -> None:
    of = tutor(logits=0.0, stop_gradient=False)
    copy_the_student(of)
    context = student()
    for seed in (1, 7):  # nothing of the teacher enters, nothing is to be learnt, and nothing ever changes again
        loss = terms(of, context, said(seed))["vl_feature"]
        loss.backward()
        assert loss.item() == 0
    assert not context.grad.any()
    assert all(p.grad is None or not p.grad.any() for p in of.parameters())


def test_with_the_stop_gradient_a_copying_fusion_costs_and_is_left_at_once() -> None:
    of = tutor(logits=0.0)
    copy_the_student(of)
    context = student()
    values = terms(of, context)
    assert values["vl_feature"].item() < 1e-7
    assert values["vl_reading"].item() > 0.5  # of numbers of size one
    values["vl_reading"].backward()
    assert of.fusion.adapt_joint.weight.grad.abs().max() > 1e-4  # towards the teacher's branch
    before = values["vl_reading"].item()
    for _ in range(50):
        of.zero_grad()
        loss = terms(of, context)["vl_reading"]
        loss.backward()
        with torch.no_grad():
            for parameter in of.parameters():
                parameter -= 0.5 * parameter.grad
    assert terms(of, context)["vl_reading"].item() < 0.9 * before
    assert terms(of, context)["vl_feature"].item() > 1e-3


def test_the_student_follows_the_fused_features_and_never_draws_them() -> None:
    of = tutor(logits=0.0, feature=3.0)
    context = student()
    values = terms(of, context)
    values["vl_feature"].backward(retain_graph=True)
    assert all(p.grad is None for p in of.parameters())  # so it cannot learn to copy
    fused = of.fusion(context.detach(), *(x.float() for x in said()))
    torch.testing.assert_close(context.grad, 3 * (context.detach() - fused).sign() / context.numel())
    context.grad = None
    values["vl_reading"].backward()
    assert context.grad is None
    assert all(p.grad is not None and p.grad.any() for p in of.parameters())


def test_a_student_without_any_term_left_holds_what_the_teacher_says() -> None:
    """Both distances bound how well the teacher can be read from the student itself."""
    of = tutor(logits=0.0)
    context = student()
    values = terms(of, context)
    truth = said().features.float() * FEATURES**0.5
    read = (of.reading(context) - truth).abs().mean()
    fused = of.fusion(context, *(x.float() for x in said()))
    slack = (context - fused).norm(dim=1).mean()  # of unit rows
    assert read <= values["vl_reading"] + slack + 1e-5


def linear_map(seed: int) -> Tensor:
    return torch.randn(FEATURES, 3, generator=torch.Generator().manual_seed(seed))


def explained(context: Tensor, truth: Tensor) -> float:
    """Share of the variance of `truth` [B, F, h, w] that a linear map of `context` [B, C, h, w] explains."""
    x, y = (t.detach().movedim(1, -1).flatten(0, 2) for t in (context, truth))
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    residual = y - x @ torch.linalg.lstsq(x, y).solution
    return 1 - (residual.square().sum() / (y - y.mean(dim=0)).square().sum()).item()


def learnt(*, stop_gradient: bool) -> float:
    """What free features know of a teacher after some steps under it; at first they know nothing."""
    generator = torch.Generator().manual_seed(3)
    sources = torch.randn(BATCH, 3, *SIZE, generator=generator)
    features = nn.functional.normalize(torch.einsum("fs,bshw->bfhw", linear_map(4), sources), dim=1)
    guidance = PixelGuidance(features, said().logits)
    of, context = tutor(logits=0.0, stop_gradient=stop_gradient), student()
    assert explained(context, features) < 0.2
    optimizer = torch.optim.Adam([*of.parameters(), context], lr=0.01)
    for _ in range(500):
        optimizer.zero_grad()
        torch.stack(list(terms(of, context, guidance).values())).sum().backward()
        optimizer.step()
    return explained(context, features)


def test_the_student_comes_to_know_what_the_teacher_says() -> None:
    guided, published = learnt(stop_gradient=True), learnt(stop_gradient=False)
    assert guided > 0.8
    assert published < 0.5


def test_the_head_learns_the_teachers_most_probable_prompt() -> None:
    of, context, guidance = tutor(feature=0.0, logits=2.0), student(), said()
    of.eval()
    values = terms(of, context, guidance)
    assert values.keys() == {"vl_logits"}
    log_probabilities = of.head(context).log_softmax(dim=1)
    best = guidance.logits.float().max(dim=1, keepdim=True).indices
    expected = -2 * log_probabilities.gather(1, best).mean()
    torch.testing.assert_close(values["vl_logits"], expected)
    values["vl_logits"].backward()
    assert context.grad.any()


def test_terms_without_weight_have_no_parameters() -> None:
    assert {n.split(".")[0] for n, _ in tutor(feature=0.0).named_parameters()} == {"head"}
    assert {n.split(".")[0] for n, _ in tutor(logits=0.0).named_parameters()} == {"fusion", "reading"}
    assert {n.split(".")[0] for n, _ in tutor(stop_gradient=False).named_parameters()} == {"fusion", "head"}
    assert terms(tutor(), student()).keys() == {"vl_feature", "vl_reading", "vl_logits"}


def test_everything_that_is_trained_learns() -> None:
    of = tutor()
    torch.stack(list(terms(of, student()).values())).sum().backward()
    assert [n for n, p in of.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_a_student_without_image_features_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = "ssc_ros.distillation.vision_language.open_language_teacher"
    monkeypatch.setattr(opened, lambda *_, **__: teacher(classes=len(SEMANTIC_KITTI)))
    recipe = VisionLanguageDistillation("made up")
    with pytest.raises(SscError, match=r"needs the tap 'image.context', but the student has only \['aggregate', "):
        recipe.tutor(tiny.camera, SEMANTIC_KITTI)
    of = recipe.tutor(lambda: tiny.camera().image, SEMANTIC_KITTI)
    assert of.guide.size == tiny.SPEC.context_size
