"""Hostile forms of sound inputs: one to three places of a message, of a text or of bytes hold something else.

Everything is drawn from a `random.Random`, so that an input can be made again from its seed and number.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

FLOATS = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1e-30, 1e30, 3.4e38, -1.8e308)
STRINGS = (
    "", " ", "\0", "rgb8", "nv12", "bayer_rggb8", "mono16", "yuv422", "32FC1", "jpeg", "png; rgb8", "velodyne", "odom",
    "semantic_kitti", "../../etc/passwd", "%s%n{0}", "\u202e\U0001f697", "a" * 20_000, "x\ny",
)  # fmt: skip
BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}
BITS |= {"byte": 8, "char": 8, "octet": 8}


def mutate_message(store: Typestore, message: Any, random: Random) -> Any:
    """Return a message in which one field, however deep, is another; the types of the fields stay what they are."""
    name, kind = random.choice(store.fielddefs[message.__msgtype__][1])
    return replace(message, **{name: _mutate_field(store, kind, getattr(message, name), random)})


def several(mutate: Callable[[Any], Any], subject: Any, random: Random) -> Any:
    """Return a subject after one to three mutations."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        subject = mutate(subject)
    return subject


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Return bytes of which some are flipped, overwritten by a telling number, cut off, repeated or moved."""
    changed = bytearray(data)
    place = random.randrange(len(changed) + 1)
    way = random.randrange(6)
    if way == 0:
        return bytes(changed[:place])
    if way == 1:
        return bytes(changed[:place] + random.randbytes(random.choice((1, 4, 64, 4096))) + changed[place:])
    if way == 2:
        end = place + random.choice((1, 4, 64))
        return bytes(changed[:end] + changed[place:end] * random.choice((1, 2, 500)) + changed[end:])
    if way == 3:
        del changed[place : place + random.choice((1, 2, 8, 64))]
    elif way == 4:
        for _ in range(random.choice((1, 2, 16))):
            changed[place : place + 1] = bytes([random.randrange(256)])
            place = random.randrange(len(changed) + 1)
    else:
        size, order = random.choice((1, 2, 4, 8)), random.choice(("big", "little"))
        changed[place : place + size] = (mutate_integer(0, 8 * size, False, random)).to_bytes(size, order)
    return bytes(changed)


def mutate_text(text: str, random: Random) -> bytes:
    """Return a text of which a word is another, or bytes are."""
    words = text.split(" ")
    if random.random() < 0.5:
        return mutate_bytes(text.encode(), random)
    place = random.randrange(len(words))
    other = (*STRINGS, "null", "[]", "{}", "1e999", "-1", "9" * 400, "*a", "&a", "true", ".nan", "!!python/name:os")
    words[place] = random.choice(other)
    return " ".join(words).encode()


def repair_png(data: bytes) -> bytes:
    """Return a PNG whose check sums are right again, so that a decoder looks at what it says."""
    repaired, place = bytearray(data), 8
    while place + 12 <= len(repaired):
        size = int.from_bytes(repaired[place : place + 4], "big")
        end = place + 8 + size
        if end + 4 > len(repaired):
            break
        repaired[end : end + 4] = struct.pack(">I", zlib.crc32(repaired[place + 4 : end]))
        place = end + 4
    return bytes(repaired)


def mutate_integer(value: int, bits: int, signed: bool, random: Random) -> int:
    """Return another integer of so many bits: near a power of two, an end of the range, small, or near the value."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    drawn = random.choice(
        (
            *(low, high, high - 1, value - 1, value + 1, 2 * value, value // 2, -value, 0, 1),
            *((1 << random.randrange(bits)) - 1, 1 << random.randrange(bits), random.randint(0, 64), 60_000),
        )
    )
    return min(max(drawn, low), high)


def mutate_json(value: Any, random: Random) -> Any:
    """Return a JSON value in which one value, however deep, is another, is missing, or has a new neighbour."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(sorted(value))
        if random.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: mutate_json(value[key], random)}
    if isinstance(value, list) and value and random.random() < 0.6:
        place = random.randrange(len(value))
        return [*value[:place], mutate_json(value[place], random), *value[place + 1 :]]
    return random.choice(
        (
            *(None, True, 0, 7, -1, 10**25, 1e300, float("nan"), "", "a" * 1000, [], [1], [[]] * 9, {}, {"a": {}}),
            *([value, value], {"grid": value}, str(value)),
        )
    )


def _mutate_field(store: Typestore, kind: tuple[Any, Any], value: Any, random: Random) -> Any:
    node, of = kind
    if node == Nodetype.BASE:
        return _mutate_base(of[0], value, random)
    if node == Nodetype.NAME:
        return mutate_message(store, value, random)
    if isinstance(value, np.ndarray):
        return _mutate_array(value, node == Nodetype.ARRAY, random)
    return _mutate_list(store, of[0], value, random)


def _mutate_base(name: str, value: Any, random: Random) -> Any:
    if name == "bool":
        return not value
    if name in ("string", "wstring"):
        return random.choice((*STRINGS, value + "x", value[:-1], value * 50))
    if name in BITS:
        return mutate_integer(int(value), BITS[name], not name.startswith(("u", "b", "c", "o")), random)
    drawn = random.choice((*FLOATS, -value, value * 1e-3, value * 1e3, value + random.gauss(0, 1)))
    if name == "float32":
        with np.errstate(over="ignore"):
            return float(np.float32(drawn))
    return drawn


def _mutate_array(values: np.ndarray, fixed: bool, random: Random) -> np.ndarray:
    if values.dtype == np.uint8 and not fixed:
        return np.frombuffer(mutate_bytes(values.tobytes(), random), np.uint8)
    if not fixed and random.random() < 0.3:
        return values[: random.randrange(len(values) + 1)]
    changed = values.copy()
    for _ in range(random.choice((1, 1, 3))):
        if len(changed):
            place = random.randrange(len(changed))
            with np.errstate(over="ignore"):
                changed[place] = _mutate_base(changed.dtype.name, changed[place].item(), random)
    return changed


def _mutate_list(store: Typestore, of: tuple[Any, Any], values: Sequence[Any], random: Random) -> list[Any]:
    changed = list(values)
    if not changed:
        return changed
    place, way = random.randrange(len(changed)), random.randrange(8)
    if way == 0:
        del changed[place]
    elif way == 1:
        changed = (changed * random.choice((0, 2, 300)))[:1000]  # more bytes take more time, and may
    else:
        changed[place] = _mutate_field(store, of, changed[place], random)
    return changed
