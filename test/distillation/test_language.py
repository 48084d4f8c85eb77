"""Language teachers: a checkpoint of ours, and CLIP as the library transformers saves it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from ssc_ros.core import SEMANTIC_KITTI, SSCBENCH_KITTI_360, LabelSet, SscError
from ssc_ros.distillation.language import ClipTeacher, LangSegTeacher, open_language_teacher
from ssc_ros.inference.checkpoint import CheckpointMetadata, save_checkpoint
from ssc_ros.networks.language.clip import MEAN, STD
from ssc_ros.networks.language.prompts import prompts_of
from ssc_ros.networks.language.text import HashedWords
from ssc_ros.systems import SYSTEMS, SceneNetwork
from ssc_ros.systems.lang_seg.network import LangSeg

from . import tiny

PROMPTS = prompts_of(SEMANTIC_KITTI.names)


def lang_seg() -> LangSeg:
    return LangSeg(tiny.SPEC, nn.Conv2d(3, 8, 4, stride=4), 8, HashedWords(16)(PROMPTS))


def saved(path: Path, network: SceneNetwork, system: str = "lang_seg", labels: LabelSet = SEMANTIC_KITTI) -> Path:
    save_checkpoint(path, network, CheckpointMetadata("x", system, "tiny", labels.name, network.spec.grid, ("stereo",)))
    return path


@pytest.fixture(autouse=True)
def _presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS["lang_seg"], "tiny", lang_seg)
    monkeypatch.setitem(SYSTEMS["l2cocc_image"], "tiny", lambda: tiny.camera().image)


def test_a_checkpoint_of_lang_seg_says_what_its_network_says(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = lang_seg().eval()
    teacher = open_language_teacher(str(saved(tmp_path / "t.safetensors", network)), SEMANTIC_KITTI)
    assert (teacher.width, teacher.classes) == (16, len(SEMANTIC_KITTI))
    assert teacher.image_size((376, 1241)) == tiny.SPEC.image_size
    image = tiny.inputs()["image"]
    teacher.to(torch.device("cpu"))
    said, output = teacher(image), network({"image": image})
    assert not said.features.requires_grad
    torch.testing.assert_close(said.features, output.taps["image.embedding"].detach())
    torch.testing.assert_close(said.logits, output.image.detach())
    assert said.features.shape == (2, 16, *tiny.SPEC.context_size)


def test_other_weights_are_another_teacher(tmp_path: Path) -> None:
    one = saved(tmp_path / "a.safetensors", lang_seg())
    copied = Path(shutil.copy(one, tmp_path / "b.safetensors"))
    other = saved(tmp_path / "c.safetensors", lang_seg())
    first, same, second = (LangSegTeacher(path, SEMANTIC_KITTI).identity for path in (one, copied, other))
    assert first == same != second


def test_a_checkpoint_that_cannot_teach_is_refused(tmp_path: Path) -> None:
    student = saved(tmp_path / "s.safetensors", tiny.camera().image, "l2cocc_image")
    with pytest.raises(SscError, match="checkpoint of l2cocc_image; a teacher of language is one of lang_seg"):
        open_language_teacher(str(student), SEMANTIC_KITTI)
    teacher = saved(tmp_path / "t.safetensors", lang_seg())
    with pytest.raises(SscError, match="knows the classes of semantic_kitti, not of sscbench_kitti_360"):
        open_language_teacher(str(teacher), SSCBENCH_KITTI_360)


# CLIP --------------------------------------------------------------------------------------------------------------


def write_tokenizer(folder: Path) -> int:
    """A tokenizer that knows the prompts' letters alone; the number of its tokens."""
    letters = sorted({letter for prompt in PROMPTS for letter in prompt.lower() if not letter.isspace()})
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    return len(tokens)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of three small blocks with random weights, and its tokenizer."""
    transformers = pytest.importorskip("transformers", reason="needs pip install 'ssc_ros[full]'")
    path = tmp_path_factory.mktemp("clip")
    tokens = write_tokenizer(path)
    special = {"bos_token_id": tokens - 2, "eos_token_id": tokens - 1, "pad_token_id": tokens - 1}
    small = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3}
    text = {**small, "vocab_size": tokens, "max_position_embeddings": 77, **special}
    vision = {**small, "image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    model = transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24))
    for parameter in model.parameters():  # livelier than the library's first weights, so that mistakes show
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(path)
    return path


def library(folder: Path) -> Any:
    """The model as the library loads it."""
    import transformers

    return transformers.CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()


def picture(height: int = 32, width: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (255 * torch.rand(2, 3, height, width, generator=generator)).byte()


def test_clip_describes_patches_by_a_last_block_in_which_each_attends_to_itself(folder: Path) -> None:
    image = picture()
    said = ClipTeacher(folder, SEMANTIC_KITTI)(image)
    vision = library(folder).vision_model
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    hidden = vision.pre_layrnorm(vision.embeddings((image / 255 - mean) / std, interpolate_pos_encoding=True))
    *earlier, last = vision.encoder.layers
    for layer in earlier:
        hidden = layer(hidden, None)
    count = hidden.shape[1]
    alone = torch.full((count, count), -torch.inf).fill_diagonal_(0)  # added to the attention's scores
    hidden = vision.post_layernorm(last(hidden, alone[None, None]))[:, 1:]
    expected = functional.normalize(library(folder).visual_projection(hidden), dim=2)
    assert said.features.shape == (2, 24, 4, 8)
    torch.testing.assert_close(said.features.flatten(2).mT, expected.detach(), atol=1e-5, rtol=1e-4)


def test_clip_compares_with_its_own_text_encoder_at_its_own_scale(folder: Path) -> None:
    import transformers

    said = ClipTeacher(folder, SEMANTIC_KITTI)(picture())
    model, tokenizer = library(folder), transformers.AutoTokenizer.from_pretrained(folder)
    for k in (0, 9, 19):  # one by one, so without padding
        states = model.text_model(**tokenizer(PROMPTS[k], return_tensors="pt")).last_hidden_state
        text = model.text_projection(states[0, -1])
        cosine = torch.cosine_similarity(said.features, text[None, :, None, None], dim=1)
        torch.testing.assert_close(said.logits[:, k], model.logit_scale.exp() * cosine, atol=1e-3, rtol=1e-3)
    assert said.logits.std(dim=1).min() > 0  # the prompts differ


def test_clip_keeps_the_proportions_of_an_image_in_whole_patches(folder: Path) -> None:
    teacher = ClipTeacher(folder, SEMANTIC_KITTI)
    assert teacher.image_size((376, 1241)) == (32, 104)  # 105.6 is 13.2 patches of 8
    assert teacher.image_size((370, 40)) == (32, 8)
    assert (teacher.width, teacher.classes) == (24, 20)


def test_clip_is_known_by_weights_tokenizer_and_prompts(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "README.md").write_text("notes do not matter")
    identity = ClipTeacher(folder, SEMANTIC_KITTI).identity
    assert ClipTeacher(copy, SEMANTIC_KITTI).identity == identity
    assert ClipTeacher(folder, SSCBENCH_KITTI_360).identity != identity
    (copy / "merges.txt").write_text("#version: 0.2\nc a\n")
    assert ClipTeacher(copy, SEMANTIC_KITTI).identity != identity


def test_a_folder_without_clip_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SscError, match=r"no config.json of CLIP .*FileNotFoundError"):
        open_language_teacher(str(tmp_path), SEMANTIC_KITTI)
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(SscError, match=r"no config.json of CLIP .*projection_dim"):
        open_language_teacher(str(tmp_path), SEMANTIC_KITTI)
    shutil.copy(folder / "config.json", tmp_path)
    with pytest.raises(SscError, match="does not hold CLIP as transformers saves it"):
        open_language_teacher(str(tmp_path), SEMANTIC_KITTI)(picture())


def test_nothing_is_downloaded_unless_asked_for(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def snapshot_download(name: str, *, local_files_only: bool, **_: object) -> str:
        asked.append((name, local_files_only))
        if local_files_only:
            raise hub.errors.LocalEntryNotFoundError("not among the files on this machine")
        return str(folder)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    with pytest.raises(SscError, match=r"'some/clip' is not here.*hf download .*--local-dir.*download true"):
        open_language_teacher("some/clip", SEMANTIC_KITTI)
    assert asked == [("some/clip", True)]
    assert open_language_teacher("some/clip", SEMANTIC_KITTI, download=True).width == 24
    assert asked[1:] == [("some/clip", False)]


def test_a_name_that_nothing_has_is_answered_with_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(SscError, match=r"config/train/lang_seg_edge.yaml"):
        open_language_teacher(str(tmp_path / "no" / "such" / "file.safetensors"), SEMANTIC_KITTI)


def test_without_the_library_clip_says_what_to_install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    teacher = ClipTeacher(folder, SEMANTIC_KITTI)  # known without the library
    for name in ("transformers", "huggingface_hub"):
        monkeypatch.setitem(sys.modules, name, None)
    for use in (lambda: teacher(picture()), lambda: open_language_teacher("some/clip", SEMANTIC_KITTI)):
        with pytest.raises(SscError, match=r"pip install 'ssc_ros\[full\]'"):
            use()
