"""What a language teacher says of every training image, computed once and kept beside the prepared samples."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ssc_ros.core import SscError
from ssc_ros.core.files import write_atomically
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.distillation import Guide, LanguageTeacher, PixelGuidance
from ssc_ros.inference.inputs import resized
from ssc_ros.training.mirror import MirroredSequence

VERSION = 2
"""Raise this when images are prepared or answers are resized in another way: older files are then left alone."""

Scene = tuple[KittiSequence, str]
"""Sequence and name of a frame."""


@dataclass(frozen=True)
class GuidanceCache:
    """Answers of one teacher at one size, in float16 (about 1.3 MB for 64 features and 20 prompts on 48 x 160 cells).

    Attributes:
        folder: where the files are, below a name made from teacher, size and the sequence's path.
        guide: teacher and size.
    """

    folder: Path
    guide: Guide = field(repr=False)

    def path(self, sequence: KittiSequence, frame_id: str) -> Path:
        """Where the answer to a frame's left image is kept; a mirrored frame has another."""
        mirrored = isinstance(sequence, MirroredSequence)
        identity = [VERSION, self.guide.teacher.identity, self.guide.size, str(sequence.path.resolve()), mirrored]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
        return self.folder / digest / f"{frame_id}.guidance.npz"

    def stale(self, scenes: Sequence[Scene]) -> list[Scene]:
        """The scenes whose answer is missing, or older than the image."""
        return [scene for scene in scenes if self._is_stale(*scene)]

    def make(self, scenes: Sequence[Scene], device: torch.device) -> Iterator[Scene]:
        """Ask the teacher about scenes and keep what it says; yields each one that is done."""
        teacher = self.guide.teacher
        teacher.to(device)
        for sequence, frame_id in scenes:
            said = ask(teacher, sequence.frame(frame_id, with_points=False).left, self.guide.size, device)
            buffer = io.BytesIO()
            np.savez(buffer, **{name: tensor.numpy() for name, tensor in said._asdict().items()})
            write_atomically(self.path(sequence, frame_id), buffer.getvalue())
            yield sequence, frame_id

    def read(self, sequence: KittiSequence, frame_id: str) -> PixelGuidance:
        """A kept answer.

        Raises:
            SscError: it is missing or damaged.
        """
        path = self.path(sequence, frame_id)
        try:
            with np.load(path) as arrays:
                return PixelGuidance(*(torch.from_numpy(arrays[name]) for name in PixelGuidance._fields))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise SscError(
                f"what the teacher said, {path}, cannot be read ({error}); delete it and run ssc-ros "
                "precompute-teacher again"
            ) from error

    def _is_stale(self, sequence: KittiSequence, frame_id: str) -> bool:
        # the left image of a mirrored frame is the right one
        side = "image_3" if isinstance(sequence, MirroredSequence) else "image_2"
        source, path = sequence.path / side / f"{frame_id}.png", self.path(sequence, frame_id)
        return not path.is_file() or path.stat().st_mtime_ns < source.stat().st_mtime_ns


def ask(
    teacher: LanguageTeacher, image: NDArray[np.uint8], size: tuple[int, int], device: torch.device
) -> PixelGuidance:
    """What a teacher says of one image, in the cells of a student.

    Args:
        teacher: on `device`.
        image: (H, W, 3) uint8 RGB, as sensed.
        size: (h, w), the student's cells.
        device: where the teacher is.

    Returns:
        [F, h, w] and [K, h, w] float16 on the CPU; the features are of unit length.
    """
    height, width = teacher.image_size((image.shape[0], image.shape[1]))
    said = teacher(torch.from_numpy(resized(image, (height, width))).movedim(-1, 0)[None].to(device))
    features, logits = (
        functional.interpolate(answer.float(), size, mode="bilinear", align_corners=False) for answer in said
    )
    features = functional.normalize(features, dim=1)
    return PixelGuidance(*(answer[0].half().cpu() for answer in (features, logits)))
