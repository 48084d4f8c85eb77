"""Teachers that know pictures by words: image -> features and class logits of every pixel, from text prompts."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ssc_ros.core import LabelSet, SscError
from ssc_ros.distillation.teacher import FrozenTeacher
from ssc_ros.networks.heads.text_aligned import compare
from ssc_ros.networks.language.clip import ClipPixels, ClipText, load_clip
from ssc_ros.networks.language.prompts import prompts_of
from ssc_ros.systems import build
from ssc_ros.systems.dry_run import dry_run

EMBEDDING = "image.embedding"
"""Tap of the teacher's features."""


class PixelGuidance(NamedTuple):
    """What a language teacher says of an image, or of a batch of them with a leading B.

    Attributes:
        features: [F, h, w], of unit length in each cell.
        logits: [K, h, w] of the prompts; prompt k stands for class k.
    """

    features: Tensor
    logits: Tensor


class LanguageTeacher(Protocol):
    """A frozen network that compares pixels with text.

    Attributes:
        name: file or folder, for messages.
        identity: hash of all that its answers depend on: weights, prompts, how images are prepared.
        width: channels F of its features.
        classes: number K of its prompts.
    """

    name: str
    identity: str
    width: int
    classes: int

    def image_size(self, sensed: tuple[int, int]) -> tuple[int, int]:
        """(height, width) [px] to which an image of size `sensed` must be resized for it."""

    def to(self, device: torch.device) -> None:
        """Move it."""

    def __call__(self, image: Tensor) -> PixelGuidance:
        """Features and logits, at its own resolution, of [B, 3, H, W] uint8 RGB of the size that it asks for."""


class LangSegTeacher:
    """A checkpoint of the system `lang_seg`, trained by LSeg's recipe.

    Args:
        path: of the checkpoint.
        label_set: that the student learns.

    Raises:
        SscError: the checkpoint cannot be loaded, or is of another system or label set.
    """

    def __init__(self, path: Path, label_set: LabelSet) -> None:
        self._network = FrozenTeacher(path)
        metadata = self._network.metadata
        if metadata.system != "lang_seg":
            raise SscError(
                f"'{path}' is a checkpoint of {metadata.system}; a teacher of language is one of lang_seg, or "
                "a folder with CLIP"
            )
        if metadata.label_set_name != label_set.name:
            raise SscError(f"teacher '{path}' knows the classes of {metadata.label_set_name}, not of {label_set.name}")
        self.name = str(path)
        self.identity = _hash("lang_seg", [path])
        self.width = dry_run(partial(build, metadata.system, metadata.preset)).taps[EMBEDDING].shape[1]
        self.classes = len(label_set)

    def image_size(self, sensed: tuple[int, int]) -> tuple[int, int]:
        """What it was trained on, whatever was sensed."""
        return self._network.spec.image_size

    def to(self, device: torch.device) -> None:
        """Move it."""
        self._network.to(device)

    def __call__(self, image: Tensor) -> PixelGuidance:
        """Features and logits of [B, 3, H, W] uint8."""
        output = self._network({"image": image})
        assert output.image is not None
        return PixelGuidance(output.taps[EMBEDDING], output.image)


class ClipTeacher:
    """CLIP on patches, without any training of ours; loaded when it is first asked.

    It stands where LSeg stands in the paper, and differs from it: LSeg trains a dense prediction transformer on top of
    CLIP's image encoder with labelled pixels (its features are sharp, at half the image's resolution), here the
    encoder is as it came and has one feature for each patch (MaskCLIP, see `ClipPixels`). Text encoder, cosines and
    their scale are CLIP's in both.

    Args:
        folder: holds CLIP in the format of the library transformers.
        label_set: whose prompts it is asked for.

    Raises:
        SscError: the folder has no configuration of CLIP.
    """

    def __init__(self, folder: Path, label_set: LabelSet) -> None:
        self.name, self._folder = str(folder), folder
        try:
            config = json.loads((folder / "config.json").read_text())
            self.width = int(config["projection_dim"])
            vision = {"image_size": 224, "patch_size": 32} | config["vision_config"]
            self._height, self._patch = int(vision["image_size"]), int(vision["patch_size"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SscError(f"'{folder}' has no config.json of CLIP ({error!r})") from error
        self._prompts = prompts_of(label_set.names)
        self.classes = len(self._prompts)
        files = [file for file in sorted(folder.iterdir()) if file.suffix in (".safetensors", ".bin", ".json", ".txt")]
        self.identity = _hash(json.dumps(["clip", self._prompts]), files)
        self._device = torch.device("cpu")

    def image_size(self, sensed: tuple[int, int]) -> tuple[int, int]:
        """The height that it was trained on, and as many patches beside each other as keep the proportions best."""
        columns = round(sensed[1] * self._height / (sensed[0] * self._patch))
        return self._height, max(1, columns) * self._patch

    def to(self, device: torch.device) -> None:
        """Move it."""
        self._device = device

    @torch.no_grad()
    def __call__(self, image: Tensor) -> PixelGuidance:
        """Features and logits of [B, 3, H, W] uint8."""
        pixels, text, scale = self._network
        features = pixels(image.to(self._device))
        return PixelGuidance(features, compare(features, text, 1 / scale))

    @cached_property
    def _network(self) -> tuple[ClipPixels, Tensor, float]:
        """The image encoder, [K, F] embeddings of the prompts, and the factor of their cosines."""
        model, tokenizer = load_clip(self._folder)
        model = model.eval().requires_grad_(False).to(self._device)
        text = ClipText(model, tokenizer)(self._prompts)
        return ClipPixels(model).to(self._device), text, float(model.logit_scale.exp())


def open_language_teacher(teacher: str, label_set: LabelSet, *, download: bool = False) -> LanguageTeacher:
    """The teacher of that name.

    Args:
        teacher: a checkpoint of `lang_seg`, a folder with CLIP, or the name of a CLIP on huggingface.co.
        label_set: that the student learns.
        download: whether a CLIP may be downloaded; without, it is only looked for among what was downloaded before.

    Raises:
        SscError: there is no such teacher here, or it cannot teach this label set.
    """
    path = Path(teacher)
    if path.is_file():
        return LangSegTeacher(path, label_set)
    return ClipTeacher(path if path.is_dir() else _from_hub(teacher, download), label_set)


def _from_hub(name: str, download: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise SscError("CLIP needs the library transformers: pip install 'ssc_ros[full]'") from error
    wanted = ["*.json", "merges.txt", "model*.safetensors", "pytorch_model.bin"]
    try:
        return Path(snapshot_download(name, local_files_only=not download, allow_patterns=wanted))
    except (OSError, ValueError) as error:  # the library's own errors are of these two kinds
        raise SscError(
            f"teacher '{name}' is not here. Train one: ssc-ros train --config config/train/lang_seg_edge.yaml; or get "
            "CLIP: hf download openai/clip-vit-base-patch16 --local-dir models/clip, and set "
            "--model.guidance.teacher models/clip. A name on huggingface.co is downloaded only with "
            f"--model.guidance.download true ({str(error).splitlines()[0]})"
        ) from error


def _hash(text: str, files: list[Path]) -> str:
    digest = hashlib.sha256(text.encode())
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
