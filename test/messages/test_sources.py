"""What a folder and a bag give to a replay."""

from __future__ import annotations

from pathlib import Path

from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.encoder import MessageEncoder
from ssc_ros.messages.grid_cdr import grid_encoder
from ssc_ros.messages.sources import BagSource, KittiSource
from ssc_ros.messages.topics import TOPICS
from ssc_ros.messages.typestore import load_typestore


def test_a_kitti_folder_plays_the_bytes_that_its_bag_holds(sequence: KittiSequence, bag: Path) -> None:
    encoder = MessageEncoder(load_typestore())
    folder = KittiSource(sequence, encoder, sequence.frame_ids, grid_encoder(encoder))
    recorded = BagSource(bag)
    assert folder.types == recorded.types
    played = [(r.stamp, r.topic, bytes(r.data)) for r in folder.records()]
    assert sorted(played) == sorted((r.stamp, r.topic, bytes(r.data)) for r in recorded.records())
    assert len(played) == 6 * 6 + 2 + 1


def test_an_offset_skips_frames_but_not_the_static_transforms(sequence: KittiSequence, bag: Path) -> None:
    folder = KittiSource(sequence, MessageEncoder(load_typestore()), sequence.frame_ids)
    for source in (folder, BagSource(bag)):
        records = list(source.records(offset=0.35))
        assert records[0].topic == TOPICS.tf_static
        assert {r.stamp for r in records if r.topic == TOPICS.left_image} == {400_000_000, 500_000_000}
        assert min(r.stamp for r in records) >= 350_000_000


def test_the_lidar_can_be_left_out(bag: Path) -> None:
    source = BagSource(bag, with_points=False)
    assert TOPICS.points not in source.types
    assert TOPICS.points not in {record.topic for record in source.records()}
