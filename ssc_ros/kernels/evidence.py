"""The loops of the rolling map: fuse a completed grid, cut a grid out, let evidence fade.

`mapping.evidence` has the equations, `mapping.reference` the same in numpy, equal bit for bit.

A voxel of the map is one uint32 word, zero where nothing is known. From the lowest byte up: evidence, signed, for
occupied against empty; class; votes that the class is ahead; when the word was last updated, on the clock of its class.

Both volumes have the voxel size of the grid. A run of `RUN` voxels along z moves as its middle voxel does, so a tilt
between map and grid is applied from run to run and not within one.
"""

from __future__ import annotations

import numpy as np

from ssc_ros.kernels.compiled import kernel

_i = np.int32

RUN = 8
"""Voxels along z that move together: at 5 degrees of tilt they are at most 0.4 voxels off."""

BANDS = 24
"""Distance bands of the tables of evidence."""

NEAR_BANDS = 4
"""Nearer bands are fused from every grid, farther ones, once known, from every other one: columns take turns."""

EMPTY, UNKNOWN = 0, 255


@kernel
def _evidence(word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 (numba infers scalars)
    """Return the signed lowest byte of a word."""
    return ((_i(word) & _i(255)) ^ _i(128)) - _i(128)


@kernel
def _faded(word, clocks, rates, moving):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the evidence of a word now: what speaks for occupied fades with the age on the clock of the class."""
    evidence = _evidence(word)
    if evidence <= _i(0):
        return evidence
    moves = (moving >> ((_i(word) >> _i(8)) & _i(255))) & _i(1)
    age = (clocks[moves] - (_i(word >> np.uint32(24)) & _i(255))) & _i(255)
    return max(evidence - ((age * rates[moves]) >> _i(8)), _i(0))


@kernel
def _packed(evidence, label, ahead, clocks, moving):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the word of what is known now."""
    stamp = clocks[(moving >> label) & _i(1)]
    low = (evidence & _i(255)) | (label << _i(8)) | (ahead << _i(16))
    return np.uint32(low) | (np.uint32(stamp) << np.uint32(24))


@kernel
def _updated(word, label, step, vote, clocks, rates, moving, least, most, most_moving, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return a word after a grid's evidence `step` and, if its label is not empty, `vote` for the label."""
    evidence = min(max(_faded(word, clocks, rates, moving) + step, least), most)
    if evidence == limits[0]:  # surely empty: what will stand here later has another class
        return np.uint32(limits[0] & _i(255))
    kept, ahead = (_i(word) >> _i(8)) & _i(255), (_i(word) >> _i(16)) & _i(255)
    if label != _i(EMPTY):
        # a majority vote in one pass: the class that is ahead, and by how much
        ahead = ahead + vote if label == kept else ahead - vote
        kept = label if ahead < _i(0) else kept
        ahead = min(abs(ahead), _i(255))
    if (moving >> kept) & _i(1):
        evidence = min(evidence, most_moving)
    return _packed(evidence, kept, ahead, clocks, moving)


@kernel
def _stays_empty(labels, u, v, w, words, i, j, k, empty):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return whether a run is labelled empty and is surely empty already; a loop without a branch, for vectors."""
    differs = np.uint32(0)
    for step in range(RUN):
        differs |= np.uint32(labels[u, v, w + step]) | (words[i, j, k + step] ^ empty)
    return differs == np.uint32(0)


@kernel
def _along(row, x, y, z):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the voxel along one axis of a place (x, y, z), by a row of a transform."""
    return int(np.floor(row[0] * x + row[1] * y + row[2] * z + row[3]))


@kernel
def _place(offset, corner, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return where a voxel is in the map along an axis: `offset` from the lowest one, which is at `corner`."""
    place = corner + offset
    return place - size if place >= size else place


@kernel
def _reach(row, x, y, size, lowest, highest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the part of a column's runs, from `lowest` to `highest`, that may reach the grid, or a little more."""
    if row[2] < 0.5:  # far from upright: look at all of them
        return lowest, highest
    base = row[0] * x + row[1] * y + row[3]
    low = int(np.floor((-RUN - base) / row[2])) - RUN
    high = int(np.floor((size + RUN - base) / row[2])) + 1
    first = max(low, lowest)
    return first - (first - lowest) % RUN, min(high, highest)


@kernel
def fuse_grid(begin, end, words, origin, box, to_grid, turn, volumes, measured, tables, clocks, rates, moving, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Fuse a completed grid into the map.

    Args:
        begin, end: range of voxels along x, counted from the box's first.
        words: (NX, NY, NZ) uint32, the map; voxel (i, j, k) of the world is at its remainder by the shape.
        origin: (3,) int64, lowest voxel of the world in the map, along z a multiple of `RUN`.
        box: (2, 3) int64, the first voxel of the world to look at and the one past the last, within the map.
        to_grid: (3, 4) float64, voxels of the world -> voxels of the grid.
        turn: 0 or 1, which of two neighbouring columns gets its turn, beyond `NEAR_BANDS`.
        volumes: labels, confidence, in view (0 or 1), all (X, Y, Z) uint8; distance band of each column, (X, Y) uint8.
        measured: as in `SemanticGrid`, or None.
        tables: steps of evidence and votes, (3 * `BANDS` * 512,) int32: out of view, in view, measured; distance band;
            empty, occupied; confidence.
        clocks: (2,) int32 of static and of moving classes, 0 .. 255.
        rates: (2,) int32, loss of evidence for each tick of these clocks, in 256ths.
        moving: int32, a bit for each moving class.
        limits: (4,) int32, least and largest evidence, how far from 0 what is out of view can bring it, and the largest
            of a moving class.
    """
    labels, confidence, view, bands = volumes
    steps, votes = tables
    size_x, size_y, size_z = labels.shape
    count_x, count_y, count_z = words.shape
    # scalars, which no store into an array can change, so that nothing is divided or loaded again within the loops
    first_x, first_y, first_z = origin[0], origin[1], origin[2]
    corner_x, corner_y, corner_z = first_x % count_x, first_y % count_y, first_z % count_z
    half, surely_empty = RUN // 2, np.uint32(limits[0] & _i(255))
    for i in range(box[0, 0] + begin, box[0, 0] + end):
        p = _place(i - first_x, corner_x, count_x)
        for j in range(box[0, 1], box[1, 1]):
            q = _place(j - first_y, corner_y, count_y)
            lowest, highest = _reach(to_grid[2], i + 0.5, j + 0.5, size_z, box[0, 2], box[1, 2])
            for k in range(lowest, highest, RUN):
                # where the middle voxel of the run is in the grid
                x, y, z = i + 0.5, j + 0.5, k + half + 0.5
                u, v = _along(to_grid[0], x, y, z), _along(to_grid[1], x, y, z)
                if u < 0 or u >= size_x or v < 0 or v >= size_y:
                    continue
                band = _i(bands[u, v])
                waits = band >= NEAR_BANDS and (i + j + turn) % 2
                w, r = _along(to_grid[2], x, y, z) - half, _place(k - first_z, corner_z, count_z)
                if 0 <= w <= size_z - RUN and _stays_empty(labels, u, v, w, words, p, q, r, surely_empty):
                    continue
                for step in range(max(0, -w), min(RUN, size_z - w)):
                    label, word = _i(labels[u, v, w + step]), words[p, q, r + step]
                    moves = (moving >> ((_i(word) >> _i(8)) & _i(255))) & _i(1)
                    if waits and word != np.uint32(0) and not moves:
                        continue
                    if label == _i(UNKNOWN) or (label == _i(EMPTY) and word == surely_empty):
                        continue
                    child = 4 * (u & 1) + 2 * (v & 1) + ((w + step) & 1)
                    seen = _i(view[u, v, w + step])
                    if measured is not None and measured[u >> 1, v >> 1, (w + step) >> 1, child]:
                        seen = _i(2)
                    if seen == _i(0) and abs(_evidence(word)) >= limits[2]:
                        continue
                    row = (seen * _i(BANDS) + band) * _i(512) + _i(confidence[u, v, w + step])
                    row += _i(256) if label != _i(EMPTY) else _i(0)
                    least, most = (-limits[2], limits[2]) if seen == _i(0) else (limits[0], limits[1])
                    # what the camera sees to be gone is gone, if it could move
                    most_moving = _i(0) if label == _i(EMPTY) and seen != _i(0) else limits[3]
                    words[p, q, r + step] = _updated(
                        word, label, steps[row], votes[row], clocks, rates, moving, least, most, most_moving, limits
                    )


@kernel
def _largest_evidence(words, i, j, k):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the largest evidence of a run, not faded; without a branch, for vectors."""
    largest = _i(-128)
    for step in range(RUN):
        largest = max(largest, _evidence(words[i, j, k + step]))
    return largest


@kernel
def cut_grid(begin, end, words, origin, to_world, clocks, rates, moving, threshold, sureness, labels, confidence):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write what the map says of a grid; voxels beyond the map are empty.

    Args:
        begin, end: range of the grid's columns along x.
        words, origin: the map, see `fuse_grid`.
        to_world: (3, 4) float64, voxels of the grid -> voxels of the world.
        clocks, rates, moving: see `fuse_grid`.
        threshold: int32, least evidence of an occupied voxel, above 0.
        sureness: (2, 256) uint8, confidence of empty and occupied voxels by evidence + 128.
        labels, confidence: (X, Y, Z) uint8 to write; Z is a multiple of `RUN`. Confidence may be None.
    """
    count_x, count_y, count_z = words.shape
    # scalars, see `fuse_grid`
    first_x, first_y, first_z = origin[0], origin[1], origin[2]
    corner_x, corner_y, corner_z = first_x % count_x, first_y % count_y, first_z % count_z
    half = RUN // 2
    for u in range(begin, end):
        for v in range(labels.shape[1]):
            for w in range(0, labels.shape[2], RUN):
                # where the middle voxel of the run is in the world
                x, y, z = u + 0.5, v + 0.5, w + half + 0.5
                i, j = _along(to_world[0], x, y, z) - first_x, _along(to_world[1], x, y, z) - first_y
                k = _along(to_world[2], x, y, z) - half - first_z
                inside = 0 <= i < count_x and 0 <= j < count_y
                whole = inside and 0 <= k <= count_z - RUN
                p, q, r = _place(i, corner_x, count_x), _place(j, corner_y, count_y), _place(k, corner_z, count_z)
                whole = whole and r <= count_z - RUN and confidence is None
                if whole and _largest_evidence(words, p, q, r) < threshold:
                    for step in range(RUN):
                        labels[u, v, w + step] = EMPTY
                    continue
                for step in range(RUN):
                    label, evidence = _i(EMPTY), _i(0)
                    if inside and 0 <= k + step < count_z:
                        word = words[p, q, _place(k + step, corner_z, count_z)]
                        evidence = _faded(word, clocks, rates, moving)
                        label = (_i(word) >> _i(8)) & _i(255) if evidence >= threshold else _i(EMPTY)
                    labels[u, v, w + step] = label
                    if confidence is not None:
                        confidence[u, v, w + step] = sureness[_i(label != _i(EMPTY)), evidence + _i(128)]


@kernel
def fade_words(begin, end, words, clocks, rates, moving):  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Bring columns of the map, `begin` to `end` along x, up to now, before their stamps come round again.

    Args:
        begin, end: range along x of `words`.
        words, clocks, rates, moving: see `fuse_grid`.
    """
    for i in range(begin, end):
        for j in range(words.shape[1]):
            for k in range(words.shape[2]):
                word = words[i, j, k]
                before = _evidence(word)
                if before > _i(0):
                    evidence = _faded(word, clocks, rates, moving)
                    label, ahead = (_i(word) >> _i(8)) & _i(255), (_i(word) >> _i(16)) & _i(255)
                    words[i, j, k] = (
                        _packed(evidence, label, ahead, clocks, moving) if evidence > _i(0) else np.uint32(0)
                    )
