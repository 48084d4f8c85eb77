"""Pictures one after the other, as a GIF for browsers or an MP4 for players."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ssc_ros.core import SscError
from ssc_ros.core.files import write_atomically

KINDS = ("gif", "mp4")

WIDTH = 830
"""Of a film [px]; half of a picture."""


def write_film(path: Path, pictures: Sequence[Path], rate: float) -> None:
    """Write a film; it is there in full or not at all.

    Args:
        path: a `.gif`, which plays everywhere, in 256 colours; or an `.mp4` (MPEG-4 Visual), which players show and
            most browsers do not.
        pictures: PNG files, at least one; the first one's proportions are the film's.
        rate: pictures a second; a GIF has at most 50.

    Raises:
        SscError: no pictures, a damaged one, or an OpenCV that writes no MP4.
    """
    if not pictures:
        raise SscError(f"there are no pictures for the film {path}")
    width, height = _open(pictures[0]).size
    size = WIDTH, 2 * round(height * WIDTH / width / 2)  # codecs want even sizes
    images = (_open(picture).resize(size, Image.Resampling.LANCZOS) for picture in pictures)
    write_atomically(path, _gif(images, rate) if path.suffix == ".gif" else _mp4(images, size, rate))


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            converted: Image.Image = picture.convert("RGB")
            return converted
    except (OSError, SyntaxError) as error:
        raise SscError(f"cannot read the picture {path}: {error}") from error


def _gif(images: Iterator[Image.Image], rate: float) -> bytes:
    content = io.BytesIO()
    next(images).save(content, "GIF", save_all=True, append_images=images, duration=max(20, round(1000 / rate)), loop=0)
    return content.getvalue()


def _mp4(images: Iterator[Image.Image], size: tuple[int, int], rate: float) -> bytes:
    with tempfile.TemporaryDirectory() as folder:  # OpenCV writes to a path alone
        path = Path(folder) / "film.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        if not writer.isOpened():
            raise SscError("this OpenCV cannot write MP4; choose --film gif")
        for image in images:
            writer.write(cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2BGR))
        writer.release()
        return path.read_bytes()
