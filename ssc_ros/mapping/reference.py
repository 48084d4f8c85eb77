"""The loops of `kernels.evidence` in numpy: slow, obvious, and equal to them bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.core import EMPTY, UNKNOWN
from ssc_ros.kernels.evidence import BANDS, NEAR_BANDS, RUN

Integers = NDArray[np.int64]
Words = NDArray[np.uint32]
Fading = tuple[NDArray[np.int32], NDArray[np.int32], np.int32]
"""Clocks, rates, and the bits of moving classes, as `fuse_grid` has them."""


def fuse(
    words: Words,
    box: Integers,
    to_grid: NDArray[np.float64],
    turn: int,
    volumes: tuple[Any, ...],
    measured: NDArray[np.uint8] | None,
    tables: tuple[NDArray[np.int32], NDArray[np.int32]],
    fading: Fading,
    limits: NDArray[np.int32],
) -> None:
    """Fuse a grid into the map; arguments as for `fuse_grid`."""
    labels, confidence, view, bands = volumes
    # the voxels of the world that lie in the grid, and where
    world = np.stack(np.meshgrid(*(np.arange(*box[:, axis]) for axis in range(3)), indexing="ij"), -1).reshape(-1, 3)
    at = _moved(to_grid, world)
    inside = ((at >= 0) & (at < labels.shape)).all(axis=1)
    world, at = world[inside], at[inside]
    # what the grid says of them
    u, v, w = at.T
    label, band = labels[u, v, w].astype(np.int64), bands[u, v].astype(np.int64)
    seen = view[u, v, w].astype(np.int64)
    if measured is not None:
        seen[measured[u // 2, v // 2, w // 2, 4 * (u % 2) + 2 * (v % 2) + w % 2] > 0] = 2
    row = ((seen * BANDS + band) * 2 + (label != EMPTY)) * 256 + confidence[u, v, w]
    # which of them count
    place = tuple((world % words.shape).T)
    word = words[place]
    surely_empty = np.uint32(int(limits[0]) % 256)
    waits = (band >= NEAR_BANDS) & ((world[:, 0] + world[:, 1] + turn) % 2 == 1)
    overruled = (seen == 0) & (np.abs(_evidence(word)) >= limits[2])
    moves = (int(fading[2]) >> ((word >> 8) & 255).astype(np.int64)) & 1 == 1
    counts = (
        ~(waits & (word != 0) & ~moves) & (label != UNKNOWN) & ~overruled & ~((label == EMPTY) & (word == surely_empty))
    )
    place = tuple(axis[counts] for axis in place)
    reach = np.where(seen[counts] == 0, [[-limits[2]], [limits[2]]], [[limits[0]], [limits[1]]])
    steps, votes = (table[row[counts]] for table in tables)
    most_moving = np.where((label[counts] == EMPTY) & (seen[counts] > 0), 0, limits[3])
    words[place] = _updated(word[counts], label[counts], steps, votes, fading, reach, most_moving, limits)


def cut(
    words: Words,
    origin: Integers,
    to_world: NDArray[np.float64],
    shape: tuple[int, int, int],
    fading: Fading,
    threshold: int,
    sureness: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return labels and confidence of a grid of a shape; arguments as for `cut_grid`."""
    at = _moved(to_world, np.indices(shape).reshape(3, -1).T)
    inside = ((at >= origin) & (at < origin + words.shape)).all(axis=1)
    word = np.where(inside, words[tuple((at % words.shape).T)], np.uint32(0))
    evidence, kept = _faded(word, fading), (word >> 8) & 255
    label = np.where(evidence >= threshold, kept, EMPTY).astype(np.uint8)
    return label.reshape(shape), sureness[(label != EMPTY).astype(np.int64), evidence + 128].reshape(shape)


def fade(words: Words, fading: Fading) -> None:
    """Bring all words up to date, as `fade_words` does."""
    evidence, occupied = _faded(words, fading), _evidence(words) > 0
    fresh = np.where(evidence > 0, _packed(evidence, (words >> 8) & 255, (words >> 16) & 255, fading), np.uint32(0))
    words[occupied] = fresh[occupied]


def _moved(transform: NDArray[np.float64], voxels: Integers) -> Integers:
    """Return where voxels (N, 3) are; each run along z moves as its middle voxel does."""
    x, y, z = voxels.T
    middle = z // RUN * RUN + RUN // 2
    places = [row[0] * (x + 0.5) + row[1] * (y + 0.5) + row[2] * (middle + 0.5) + row[3] for row in transform]
    moved: Integers = np.floor(np.stack(places, axis=1)).astype(np.int64)
    moved[:, 2] += z - middle
    return moved


def _evidence(words: Words) -> Integers:
    return (words & 255).astype(np.uint8).view(np.int8).astype(np.int64)


def _faded(words: Words, fading: Fading) -> Integers:
    clocks, rates, moving = fading
    moves = (int(moving) >> ((words >> 8) & 255).astype(np.int64)) & 1
    age = (clocks[moves] - (words >> 24).astype(np.int64)) % 256
    evidence = _evidence(words)
    return np.asarray(np.where(evidence > 0, np.maximum(evidence - age * rates[moves] // 256, 0), evidence))


def _packed(evidence: Integers, label: Any, ahead: Any, fading: Fading) -> Words:
    clocks, _, moving = fading
    label, ahead = np.asarray(label, np.int64), np.asarray(ahead, np.int64)
    stamp = clocks[(int(moving) >> label) & 1].astype(np.int64)
    return np.asarray(evidence % 256 + (label << 8) + (ahead << 16) + (stamp << 24), np.uint32)


def _updated(
    words: Words,
    label: Integers,
    step: Any,
    vote: Any,
    fading: Fading,
    reach: Integers,
    most_moving: Integers,
    limits: NDArray[np.int32],
) -> Words:
    evidence = np.clip(_faded(words, fading) + step, *reach)
    empty = evidence == limits[0]
    kept, ahead = ((words >> 8) & 255).astype(np.int64), ((words >> 16) & 255).astype(np.int64)
    votes = np.where(label == EMPTY, 0, np.where(label == kept, vote, -vote))
    kept = np.where(ahead + votes < 0, label, kept)
    ahead = np.minimum(np.abs(ahead + votes), 255)
    moves = (int(fading[2]) >> kept) & 1 == 1
    fresh = _packed(np.where(moves, np.minimum(evidence, most_moving), evidence), kept, ahead, fading)
    return np.asarray(np.where(empty, np.uint32(int(limits[0]) % 256), fresh))
