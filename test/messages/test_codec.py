"""The codec against the message's own comment, and against malformed messages."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from ssc_ros.core import (
    EMPTY,
    LABEL_SETS,
    SEMANTIC_KITTI,
    SEMANTIC_KITTI_GRID,
    SSCBENCH_KITTI_360,
    UNKNOWN,
    SceneGrid,
    SemanticGrid,
)
from ssc_ros.messages.codec import MAX_VOXELS, CodecError, Encoding, GridFields, decode, encode
from ssc_ros.messages.payload import zstd

NOTHING_LARGE = 256 * 1024  # [bytes]; the tests below offer payloads of a few hundred


def message(fields: GridFields, **changes: object) -> SimpleNamespace:
    """A stand-in with the attributes of ssc_ros_msgs/SemanticVoxelGrid."""
    attributes = {
        "header": SimpleNamespace(
            stamp=SimpleNamespace(sec=fields.sec, nanosec=fields.nanosec), frame_id=fields.frame_id
        ),
        "origin": SimpleNamespace(
            position=SimpleNamespace(**dict(zip("xyz", fields.position, strict=True))),
            orientation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0),
        ),
        "voxel_size": float(np.float32(fields.voxel_size)),
        "size_x": fields.shape[0],
        "size_y": fields.shape[1],
        "size_z": fields.shape[2],
        "encoding": int(fields.encoding),
        "label_set": fields.label_set,
        "model_id": fields.model_id,
        "labels": fields.labels,
        "confidence": fields.confidence,
    }
    return SimpleNamespace(**(attributes | changes))


@st.composite
def semantic_grids(draw: st.DrawFn) -> SemanticGrid:
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    label_set = draw(st.sampled_from(list(LABEL_SETS.values())))
    label = st.one_of(st.just(EMPTY), st.just(UNKNOWN), st.integers(0, len(label_set) - 1))
    corner = draw(st.tuples(*[st.floats(-1e6, 1e6)] * 3))
    voxel_size = draw(st.integers(1, 100_000)) / 1000  # millimetres, which a float32 tells apart
    return SemanticGrid(
        labels=draw(hnp.arrays(np.uint8, shape, elements=label)),
        grid=SceneGrid(corner, voxel_size, shape, draw(st.text(max_size=8))),
        label_set=label_set,
        stamp=draw(st.integers(0, 2**31 * 10**9 - 1)),
        confidence=draw(st.none() | hnp.arrays(np.uint8, shape)),
        model_id=draw(st.text(max_size=8)),
    )


@given(semantic_grids(), st.sampled_from(Encoding))
def test_round_trip(grid: SemanticGrid, encoding: Encoding) -> None:
    back = decode(message(encode(grid, encoding)))
    assert (back.grid, back.label_set, back.stamp, back.model_id) == (
        grid.grid,
        grid.label_set,
        grid.stamp,
        grid.model_id,
    )
    np.testing.assert_array_equal(back.labels, grid.labels)
    if grid.confidence is None or back.confidence is None:
        # with no voxel stored, no confidence and none stored look alike, unless the frame tells
        assert grid.confidence is back.confidence or not grid.labels.any()
    else:
        stored = grid.labels != EMPTY if encoding.bitmask else np.ones(grid.grid.shape, bool)
        np.testing.assert_array_equal(back.confidence, np.where(stored, grid.confidence, 0))


@given(semantic_grids(), st.sampled_from(Encoding))
def test_a_reader_who_follows_the_comment_of_the_message_gets_the_labels(
    grid: SemanticGrid, encoding: Encoding
) -> None:
    """Transcribed from the recipe in SemanticVoxelGrid.msg, voxel by voxel."""
    m = message(encode(grid, encoding))
    data = m.labels.tobytes()
    if m.encoding in (2, 3):
        data = zstd.decompress(data)
    n = m.size_x * m.size_y * m.size_z
    label = [0] * n
    if m.encoding in (0, 2):
        assert len(data) == n
        label = list(data)
    else:
        following = (n + 7) // 8
        for i in range(n):
            if data[i >> 3] >> (7 - (i & 7)) & 1:
                label[i] = data[following]
                following += 1
        assert following == len(data)
    for x in range(m.size_x):
        for y in range(m.size_y):
            for z in range(m.size_z):
                assert label[(x * m.size_y + y) * m.size_z + z] == grid.labels[x, y, z]


def street() -> SemanticGrid:
    """Road below, a wall, an unseen corner: 256 x 256 x 32, about 93 % empty."""
    labels = np.zeros(SEMANTIC_KITTI_GRID.shape, np.uint8)
    labels[:, :, 1] = 9
    labels[100:103, 40:200, 1:20] = 13
    labels[:40, :40, :8] = UNKNOWN
    return SemanticGrid(labels, SEMANTIC_KITTI_GRID, SEMANTIC_KITTI)


def test_a_kitti_grid_fits_the_shared_memory_segment_of_fast_dds() -> None:
    fields = encode(street())
    assert fields.encoding == Encoding.BITMASK_LABELS
    assert fields.labels.size < 512 * 1024


def small() -> SemanticGrid:
    labels = np.zeros((4, 5, 3), np.uint8)
    labels[1, 2], labels[3, 4, 2] = 9, UNKNOWN
    return SemanticGrid(labels, SceneGrid((0, 0, 0), 0.2, (4, 5, 3)), SEMANTIC_KITTI, confidence=labels * 2)


def malformed() -> dict[str, SimpleNamespace]:
    """Messages that must be refused, by what is wrong with them."""
    dense, bitmask, dense_zstd, bitmask_zstd = (encode(small(), e) for e in Encoding)
    spare_bit = bitmask.labels.copy()
    spare_bit[7] |= 1  # 60 voxels leave 4 spare bits in the eighth byte
    huge = {"size_x": 2**32 - 1, "size_y": 2**32 - 1, "size_z": 2**32 - 1}
    wraps_to_zero = {"size_x": 2**16, "size_y": 2**16, "size_z": 2**16}
    bomb = np.frombuffer(zstd.compress(bytes(64 << 20), 1), np.uint8)
    streamed = zstd.ZstdCompressor()
    sizeless = streamed.compress(bytes(60)) + streamed.flush()
    unnamed_window = bytearray(b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00")  # a window of 3.75 TiB, no content size
    return {
        "dense, one byte short": message(dense, labels=dense.labels[:-1]),
        "dense, one byte more": message(dense, labels=np.append(dense.labels, np.uint8(0))),
        "dense, empty": message(dense, labels=b""),
        "mask cut": message(bitmask, labels=bitmask.labels[:7]),
        "fewer labels than bits": message(bitmask, labels=bitmask.labels[:-1]),
        "more labels than bits": message(bitmask, labels=np.append(bitmask.labels, np.uint8(3))),
        "spare bit set": message(bitmask, labels=np.append(spare_bit, np.uint8(3))),
        "zstd cut": message(dense_zstd, labels=dense_zstd.labels[:-3]),
        "zstd of noise": message(dense_zstd, labels=np.arange(60, dtype=np.uint8)),
        "zstd empty": message(bitmask_zstd, labels=b""),
        "zstd followed by more": message(dense_zstd, labels=np.append(dense_zstd.labels, np.uint8(0))),
        "zstd without a size": message(dense_zstd, labels=sizeless),
        "zstd bomb, dense": message(dense_zstd, labels=bomb),
        "zstd bomb, bitmask": message(bitmask_zstd, labels=bomb),
        "zstd bomb, confidence": message(bitmask_zstd, confidence=bomb),
        "zstd with a huge window": message(dense_zstd, labels=bytes(unnamed_window)),
        "plain bytes called zstd": message(dense, encoding=2),
        "zstd bytes called plain": message(dense_zstd, encoding=0),
        "unknown encoding": message(dense, encoding=4),
        "no voxels": message(dense, size_y=0),
        "sizes overflow": message(bitmask, **huge),
        "sizes overflow to zero in 32 bits": message(bitmask, **wraps_to_zero),
        "just too large": message(bitmask_zstd, size_x=MAX_VOXELS + 1, size_y=1, size_z=1),
        "large and unpaid for": message(bitmask, size_x=MAX_VOXELS, size_y=1, size_z=1),
        "large and unpaid for, zstd": message(bitmask_zstd, size_x=MAX_VOXELS, size_y=1, size_z=1),
        "confidence cut": message(dense, confidence=dense.confidence[:-1]),
        "confidence of every voxel with a bitmask": message(bitmask, confidence=dense.confidence),
        "a label beyond the set": message(dense, labels=np.full(60, 20, np.uint8)),
        "unknown label set": message(dense, label_set="nuscenes"),
        "voxel size nil": message(dense, voxel_size=0.0),
        "voxel size infinite": message(dense, voxel_size=float("inf")),
        "voxel size not a number": message(dense, voxel_size=float("nan")),
        "rotated": message(
            dense,
            origin=SimpleNamespace(
                position=SimpleNamespace(x=0, y=0, z=0), orientation=SimpleNamespace(x=0, y=0, z=0.7071, w=0.7071)
            ),
        ),
        "origin not finite": message(replace(dense, position=(0.0, float("nan"), 0.0))),
    }


@pytest.mark.parametrize("wrong", malformed())
def test_malformed_messages_raise_and_allocate_nothing_large(wrong: str) -> None:
    bad = malformed()[wrong]
    tracemalloc.start()
    try:
        with pytest.raises(CodecError):
            decode(bad)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < NOTHING_LARGE


@pytest.mark.parametrize("encoding", Encoding)
def test_the_small_grid_of_the_malformed_messages_is_itself_well_formed(encoding: Encoding) -> None:
    np.testing.assert_array_equal(decode(message(encode(small(), encoding))).labels, small().labels)


@settings(max_examples=500)
@given(st.data(), st.sampled_from(Encoding), st.sampled_from(["labels", "confidence"]))
def test_damaged_payloads_raise_codec_errors_or_decode_to_a_grid(
    data: st.DataObject, encoding: Encoding, field: str
) -> None:
    fields = encode(small(), encoding)
    payload = bytearray(getattr(fields, field))
    start = data.draw(st.integers(0, len(payload)))
    payload[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=8))
    try:
        grid = decode(message(fields, **{field: bytes(payload)}))
    except CodecError:
        return
    assert grid.labels.shape == (4, 5, 3)


def test_errors_name_the_remedy() -> None:
    fields = encode(small())
    with pytest.raises(CodecError, match=r"'nuscenes' is unknown.*semantic_kitti.*ssc_ros version"):
        decode(message(fields, label_set="nuscenes"))
    with pytest.raises(CodecError, match=r"encoding 9 is unknown.*BITMASK_LABELS"):
        decode(message(fields, encoding=9))


def test_the_decoded_grid_owns_its_labels() -> None:
    fields = encode(small(), Encoding.DENSE)
    payload = bytearray(fields.labels)
    grid = decode(message(fields, labels=payload))
    payload[:] = bytes(len(payload))
    np.testing.assert_array_equal(grid.labels, small().labels)


def test_sets_of_different_size_admit_different_labels() -> None:
    labels = np.full((1, 1, 1), 19, np.uint8)
    fields = encode(SemanticGrid(labels, SceneGrid((0, 0, 0), 1.0, (1, 1, 1)), SEMANTIC_KITTI))
    assert decode(message(fields)).labels.item() == 19
    with pytest.raises(CodecError, match="19"):
        decode(message(fields, label_set=SSCBENCH_KITTI_360.name))


def test_fields_fill_an_rclpy_message_and_its_constants_are_ours() -> None:
    messages = pytest.importorskip("ssc_ros_msgs.msg._semantic_voxel_grid", reason="ssc_ros_msgs is not built")
    for encoding in Encoding:
        assert getattr(messages.SemanticVoxelGrid, encoding.name) == encoding
        filled = messages.SemanticVoxelGrid()
        encode(street(), encoding).fill(filled)
        back = decode(filled)
        np.testing.assert_array_equal(back.labels, street().labels)
        assert back.grid == SEMANTIC_KITTI_GRID
    assert (messages.SemanticVoxelGrid.EMPTY, messages.SemanticVoxelGrid.UNKNOWN) == (EMPTY, UNKNOWN)


def test_what_rosbags_deserialises_decodes() -> None:
    name = "ssc_ros_msgs/msg/SemanticVoxelGrid"
    definition = Path(__file__).parents[2] / "ssc_ros_msgs" / "msg" / "SemanticVoxelGrid.msg"
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(definition.read_text(), name))
    fields = encode(street())
    time, header = store.types["builtin_interfaces/msg/Time"], store.types["std_msgs/msg/Header"]
    pose, point = store.types["geometry_msgs/msg/Pose"], store.types["geometry_msgs/msg/Point"]
    written = store.types[name](
        header=header(time(fields.sec, fields.nanosec), fields.frame_id),
        origin=pose(point(*fields.position), store.types["geometry_msgs/msg/Quaternion"](0, 0, 0, 1)),
        voxel_size=fields.voxel_size,
        size_x=fields.shape[0],
        size_y=fields.shape[1],
        size_z=fields.shape[2],
        encoding=int(fields.encoding),
        label_set=fields.label_set,
        model_id=fields.model_id,
        labels=fields.labels,
        confidence=fields.confidence,
    )
    read = store.deserialize_cdr(store.serialize_cdr(written, name), name)
    np.testing.assert_array_equal(decode(read).labels, street().labels)
