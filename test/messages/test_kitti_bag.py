"""A converted sequence, read back by rosbags, by the node's assembler and by an independent mcap reader."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ssc_ros.assembly.bag_frames import BagFrames, BagTruth
from ssc_ros.core import Frame, SscError, poses
from ssc_ros.data.semantic_kitti import KittiSequence
from ssc_ros.messages.bag_reader import open_bag_reader
from ssc_ros.messages.kitti_bag import convert
from ssc_ros.messages.topics import LEFT_CAMERA_FRAME, RIGHT_CAMERA_FRAME, TOPICS


@pytest.fixture(scope="module")
def real(kitti_root: Path) -> KittiSequence:
    return KittiSequence.open(kitti_root / "sequences" / "08")


@pytest.fixture(scope="module", params=["mcap", "sqlite3"])
def real_bag(request: pytest.FixtureRequest, real: KittiSequence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / "kitti"
    convert(real, path, real.frame_ids, storage=request.param)
    return path


def nearest_rotation(transform: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rigid transform closest to one whose rotation was printed with few digits."""
    u, _, v = np.linalg.svd(transform[:3, :3])
    result = transform.copy()
    result[:3, :3] = u @ v
    return result


def assert_same_frame(read: Frame, expected: Frame) -> None:
    assert read.stamp == expected.stamp
    np.testing.assert_array_equal(read.left, expected.left)
    np.testing.assert_array_equal(read.right, expected.right)
    np.testing.assert_array_equal(read.points, expected.points)
    np.testing.assert_array_equal(read.rig.camera_matrix, expected.rig.camera_matrix)
    assert read.rig.baseline == pytest.approx(expected.rig.baseline, abs=1e-9)
    assert read.rig.image_size == expected.rig.image_size
    # a quaternion can only hold a true rotation; KITTI's calibration is one to 1e-7, its poses to 1e-6
    rigid = nearest_rotation(expected.rig.T_grid_camera)
    np.testing.assert_allclose(read.rig.T_grid_camera, rigid, rtol=0, atol=1e-9)
    np.testing.assert_allclose(rigid, expected.rig.T_grid_camera, rtol=0, atol=1e-7)
    assert expected.T_world_grid is not None
    np.testing.assert_allclose(read.T_world_grid, nearest_rotation(expected.T_world_grid), rtol=0, atol=1e-9)


def test_real_frames_come_back_as_they_were(real: KittiSequence, real_bag: Path) -> None:
    with open_bag_reader(real_bag) as bag:
        frames = BagFrames(bag, "velodyne", warn=pytest.fail)
        read = list(frames.frames())
        assert not frames.drops.counts()
        truth = BagTruth(bag)
        assert len(truth) == len(real.voxel_ids) == 2
        for frame_id in real.voxel_ids:
            stamp = real.frame(frame_id, with_points=False).stamp
            assert truth[stamp].grid == real.grid
            np.testing.assert_array_equal(truth[stamp].labels, real.target(frame_id))
    assert len(read) == len(real.frame_ids) == 10
    for frame_id, frame in zip(real.frame_ids, read, strict=True):
        assert_same_frame(frame, real.frame(frame_id))


def test_every_message_of_a_frame_has_the_stamp_of_times_txt(real: KittiSequence, real_bag: Path) -> None:
    lines = (real.path / "times.txt").read_text().split()
    expected = [round(float(line) * 1e9) for line in lines]
    assert len(set(expected)) == 10
    topics = (*TOPICS.stereo, TOPICS.points, TOPICS.odometry)
    with open_bag_reader(real_bag) as bag:
        for topic in topics:
            stamps, recorded = [], []
            for record in bag.records({topic}):
                stamp = bag.message(record).header.stamp
                stamps.append(stamp.sec * 1_000_000_000 + stamp.nanosec)
                recorded.append(record.stamp)
            assert stamps == recorded == expected, topic


def test_projection_matrices_are_those_of_a_rectified_pair(real: KittiSequence, real_bag: Path) -> None:
    published = {
        name: np.array(numbers.split(), float).reshape(3, 4)
        for name, numbers in (line.split(":") for line in (real.path / "calib.txt").read_text().splitlines())
    }
    with open_bag_reader(real_bag) as bag:
        left = bag.message(next(bag.records({TOPICS.left_info})))
        right = bag.message(next(bag.records({TOPICS.right_info})))
        (static,) = [bag.message(record) for record in bag.records({TOPICS.tf_static})]
    assert left.header.frame_id == right.header.frame_id == LEFT_CAMERA_FRAME
    np.testing.assert_array_equal(left.p.reshape(3, 4)[:, 3], 0)
    # the baseline is that of the published matrices: Tx_right - Tx_left = -fx * baseline
    assert right.p[3] == pytest.approx(published["P3"][0, 3] - published["P2"][0, 3], abs=1e-9)
    children = {t.child_frame_id: t for t in static.transforms}
    assert children.keys() == {LEFT_CAMERA_FRAME, RIGHT_CAMERA_FRAME}
    centres = [np.array([t.transform.translation.x, t.transform.translation.y]) for t in children.values()]
    # cam3 is to the right of cam2: y of the LiDAR frame points left
    assert centres[0][1] - centres[1][1] == pytest.approx(0.5379, abs=1e-3)


def test_points_of_the_lidar_meet_their_pixels_by_the_published_matrices(real: KittiSequence, real_bag: Path) -> None:
    """Projection through the bag's P and /tf_static equals P2 @ Tr of calib.txt."""
    lines = dict(line.split(":") for line in (real.path / "calib.txt").read_text().splitlines())
    p2, tr = (np.array(lines[name].split(), float).reshape(3, 4) for name in ("P2", "Tr"))
    with open_bag_reader(real_bag) as bag:
        frame = next(BagFrames(bag, "velodyne").frames())
    assert frame.points is not None
    ahead = frame.points[frame.points[:, 0] > 5, :3].astype(float)
    homogeneous = p2 @ poses.from_rows(tr) @ np.c_[ahead, np.ones(len(ahead))].T
    pixels, depth = frame.rig.project(ahead)
    np.testing.assert_allclose(depth, homogeneous[2], atol=1e-5)
    np.testing.assert_allclose(pixels, (homogeneous[:2] / homogeneous[2]).T, atol=1e-2)


@pytest.mark.parametrize("real_bag", ["mcap"], indirect=True)
def test_a_stock_mcap_reader_decodes_everything_by_the_definitions_in_the_bag(
    real: KittiSequence, real_bag: Path
) -> None:
    make_reader = pytest.importorskip("mcap.reader").make_reader
    decoder = pytest.importorskip("mcap_ros2.decoder").DecoderFactory()
    (file,) = real_bag.glob("*.mcap")
    with file.open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[decoder])
        messages = [(channel.topic, message) for _, channel, _, message in reader.iter_decoded_messages()]
    first = {}
    for topic, message in messages:
        first.setdefault(topic, message)
    assert first.keys() == {*TOPICS.stereo, TOPICS.points, TOPICS.odometry, TOPICS.ground_truth, TOPICS.tf_static}
    frame = real.frame("000000")
    image, grid = first[TOPICS.left_image], first[TOPICS.ground_truth]
    np.testing.assert_array_equal(np.frombuffer(image.data, np.uint8).reshape(frame.left.shape), frame.left)
    np.testing.assert_array_equal(np.frombuffer(first[TOPICS.points].data, np.float32).reshape(-1, 4), frame.points)
    # the message's own recipe: a bit mask, then a label for each set bit
    target = real.target("000000").ravel()
    payload = np.frombuffer(grid.labels, np.uint8)
    mask = np.unpackbits(payload[: target.size // 8])
    np.testing.assert_array_equal(mask, target != 0)
    np.testing.assert_array_equal(payload[target.size // 8 :], target[target != 0])


def test_frames_truth_and_lidar_can_be_left_out(sequence: KittiSequence, tmp_path: Path) -> None:
    convert(sequence, tmp_path / "bag", sequence.frame_ids[2:5], with_truth=False, with_points=False)
    with open_bag_reader(tmp_path / "bag") as bag:
        assert dict(bag.counts) == dict.fromkeys((*TOPICS.stereo, TOPICS.odometry), 3) | {TOPICS.tf_static: 1}
        stamps = [frame.stamp for frame in BagFrames(bag, "velodyne").frames()]
        assert stamps == [200_000_000, 300_000_000, 400_000_000]
        with pytest.raises(SscError, match=r"no messages on /ground_truth/grid; its topics are .*/left/image_rect"):
            BagTruth(bag)


def test_an_existing_bag_is_replaced_only_on_request(sequence: KittiSequence, tmp_path: Path) -> None:
    convert(sequence, tmp_path / "bag", sequence.frame_ids[:1])
    with pytest.raises(SscError, match="exists already"):
        convert(sequence, tmp_path / "bag", sequence.frame_ids)
    convert(sequence, tmp_path / "bag", sequence.frame_ids[:2], replace=True)
    with open_bag_reader(tmp_path / "bag") as bag:
        assert bag.counts[TOPICS.left_image] == 2
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").touch()
    with pytest.raises(SscError, match="is no bag"):
        convert(sequence, tmp_path / "holiday", sequence.frame_ids, replace=True)
    assert (tmp_path / "holiday" / "photo.jpg").exists()


def test_a_conversion_that_fails_leaves_nothing(sequence: KittiSequence, tmp_path: Path) -> None:
    (sequence.path / "image_3" / "000004.png").write_bytes(b"no image")
    out = tmp_path / "out"
    with pytest.raises(SscError, match=r"000004\.png"):
        convert(sequence, out / "bag", sequence.frame_ids)
    assert list(out.iterdir()) == []


def test_a_full_disk_is_noticed_before_writing(
    sequence: KittiSequence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(SscError, match=r"the bag needs 0\.\d+ GB, but .* has 0\.00 GB free"):
        convert(sequence, tmp_path / "bag", sequence.frame_ids)


def test_no_frames_is_an_error(sequence: KittiSequence, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="no frames chosen: sequence 08 has 6"):
        convert(sequence, tmp_path / "bag", sequence.frame_ids[10:])
