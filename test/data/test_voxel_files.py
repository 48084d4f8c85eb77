"""Voxel files: byte layout, sizes, and the two forms of .invalid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ssc_ros.core import SscError
from ssc_ros.data import voxel_files

SHAPE = (4, 4, 3)


def test_the_first_voxel_is_the_most_significant_bit(tmp_path: Path) -> None:
    volume = np.zeros(SHAPE, bool)
    volume[0, 0, 0] = volume[0, 0, 2] = True
    voxel_files.write_bits(tmp_path / "a.bin", volume)
    assert (tmp_path / "a.bin").read_bytes() == bytes([0b10100000, 0, 0, 0, 0, 0])


def test_labels_are_little_endian_with_z_fastest(tmp_path: Path) -> None:
    volume = np.zeros(SHAPE, np.uint16)
    volume[0, 0, 1] = 0x0103
    voxel_files.write_labels(tmp_path / "a.label", volume)
    assert (tmp_path / "a.label").read_bytes()[:6] == b"\x00\x00\x03\x01\x00\x00"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(bits=arrays(bool, SHAPE), labels=arrays(np.uint16, SHAPE, elements=st.integers(0, 65535)))
def test_what_is_written_is_read(tmp_path: Path, bits: np.ndarray, labels: np.ndarray) -> None:
    voxel_files.write_bits(tmp_path / "a.bin", bits)
    voxel_files.write_labels(tmp_path / "a.label", labels)
    (tmp_path / "bytes.invalid").write_bytes(bits.astype(np.uint8).tobytes())
    np.testing.assert_array_equal(voxel_files.read_bits(tmp_path / "a.bin", SHAPE), bits)
    np.testing.assert_array_equal(voxel_files.read_labels(tmp_path / "a.label", SHAPE), labels)
    np.testing.assert_array_equal(voxel_files.read_invalid(tmp_path / "a.bin", SHAPE), bits)
    np.testing.assert_array_equal(voxel_files.read_invalid(tmp_path / "bytes.invalid", SHAPE), bits)


def test_a_file_cut_short_is_named_with_both_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.label").write_bytes(bytes(10))
    with pytest.raises(SscError, match=r"a\.label has 10 bytes, expected 96"):
        voxel_files.read_labels(tmp_path / "a.label", SHAPE)
    with pytest.raises(SscError, match=r"a\.label has 10 bytes, expected 6 or 48"):
        voxel_files.read_invalid(tmp_path / "a.label", SHAPE)
    with pytest.raises(SscError, match=r"cannot read .*none\.bin"):
        voxel_files.read_bits(tmp_path / "none.bin", SHAPE)


def test_the_shift_of_the_first_release_is_undone() -> None:
    volume = np.arange(1, 49, dtype=np.uint16).reshape(SHAPE)
    published = np.concatenate([[0], volume.reshape(-1)[:-1]]).astype(np.uint16).reshape(SHAPE)
    restored = voxel_files.undo_first_release_shift(published)
    np.testing.assert_array_equal(restored.reshape(-1)[:-1], volume.reshape(-1)[:-1])
