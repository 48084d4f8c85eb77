"""Clouds whose fields, steps and sizes say anything at all: they are read, or refused with a reason."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssc_ros.messages.clouds import read_cloud
from ssc_ros.messages.drops import Drop, UnusableInput

UINT32 = st.one_of(st.integers(0, 64), st.sampled_from([2**31 - 1, 2**31, 2**32 - 1, 2**16]))
SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 8: 8}
"""Bytes of each datatype of sensor_msgs/PointField."""


def field(name: str, offset: int, datatype: int = 7, count: int = 1) -> SimpleNamespace:
    return SimpleNamespace(name=name, offset=offset, datatype=datatype, count=count)


@st.composite
def clouds(draw: st.DrawFn) -> SimpleNamespace:
    """Mostly sensible clouds, in which any number may be any other."""
    names = draw(st.lists(st.sampled_from(["x", "y", "z", "intensity", "ring"]), max_size=6))
    fields = [field(name, draw(UINT32), draw(st.integers(0, 9)), draw(UINT32)) for name in names]
    return SimpleNamespace(
        fields=fields,
        height=draw(UINT32),
        width=draw(UINT32),
        point_step=draw(UINT32),
        row_step=draw(UINT32),
        is_bigendian=draw(st.booleans()),
        data=draw(st.binary(max_size=300)),
    )


@given(clouds())
def test_a_cloud_is_read_only_if_every_point_lies_within_its_data(cloud: SimpleNamespace) -> None:
    refused = None
    try:
        read = read_cloud(cloud)
    except UnusableInput as error:
        refused = error.reason
    if refused is not None:
        assert refused in (Drop.CLOUD_LAYOUT, Drop.CLOUD_EMPTY)
        return
    row_step = cloud.row_step or cloud.width * cloud.point_step
    last = (cloud.height - 1) * row_step + (cloud.width - 1) * cloud.point_step
    ends = [f.offset + SIZES[f.datatype] for f in cloud.fields if f.name in ("x", "y", "z", "intensity")]
    assert max(ends) <= cloud.point_step
    assert last + cloud.point_step <= len(cloud.data)
    assert len(read.placed) == cloud.height * cloud.width


@pytest.mark.parametrize("offset", [2**31 - 1, 2**32 - 1, 9])
def test_a_field_outside_of_its_point_is_named(offset: int) -> None:
    """At 2^31 - 1 numpy's view had read outside of the message, which killed the node."""
    sizes = {"height": 1, "width": 2, "point_step": 12, "row_step": 24}
    fields = [field("x", 0), field("y", offset), field("z", 8)]
    cloud = SimpleNamespace(fields=fields, is_bigendian=False, data=bytes(24), **sizes)
    with pytest.raises(UnusableInput, match=f"field y of a cloud begins at byte {offset}"):
        read_cloud(cloud)
