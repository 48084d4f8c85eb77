"""Messages that show a grid: compared voxel by voxel with a slow reading of the same grid."""

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointField
from visualization_msgs.msg import Marker, MarkerArray

from ssc_ros.core import EMPTY, SEMANTIC_KITTI, UNKNOWN, SceneGrid, SemanticGrid
from ssc_ros.messages.codec import Encoding, decode, encode
from ssc_ros.ros.outputs import messages
from ssc_ros.ros.outputs.markers import surface_markers
from ssc_ros_msgs.msg import SemanticVoxelGrid

SCENE = SceneGrid((1.0, -2.0, -2.0), 0.5, (9, 8, 7), frame_id="lidar")
ROAD, CAR = SEMANTIC_KITTI.names.index("road"), SEMANTIC_KITTI.names.index("car")
FREE = ("road", "terrain")


def random_grid(seed=0, confidence=False, solid=0.7):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(SCENE.shape) < solid, rng.integers(1, 20, SCENE.shape), EMPTY).astype(np.uint8)
    labels[rng.random(SCENE.shape) < 0.05] = UNKNOWN
    level = rng.integers(0, 256, SCENE.shape, np.uint8) if confidence else None
    return SemanticGrid(labels, SCENE, SEMANTIC_KITTI, 5_000_000_007, level)


def empty_grid():
    return SemanticGrid(np.zeros(SCENE.shape, np.uint8), SCENE, SEMANTIC_KITTI)


def exposed(grid):
    """Occupied voxels that touch something that is not occupied, by looking at each."""

    def occupied(index):
        inside = all(0 <= i < n for i, n in zip(index, SCENE.shape, strict=True))
        return inside and grid.labels[index] not in (EMPTY, UNKNOWN)

    found = set()
    for index in np.ndindex(SCENE.shape):
        x, y, z = index
        around = ((x - 1, y, z), (x + 1, y, z), (x, y - 1, z), (x, y + 1, z), (x, y, z - 1), (x, y, z + 1))
        if occupied(index) and not all(map(occupied, around)):
            found.add(index)
    return found


def voxel_of(point):
    return tuple(int(i) for i in np.floor((np.array(point) - SCENE.min_corner) / SCENE.voxel_size))


@pytest.mark.parametrize("encoding", Encoding)
def test_the_grid_survives_its_message(encoding):
    grid = random_grid(confidence=True)
    message = encode(grid, encoding).fill(SemanticVoxelGrid())
    decoded = decode(message)
    np.testing.assert_array_equal(decoded.labels, grid.labels)
    assert (decoded.stamp, decoded.grid) == (grid.stamp, SCENE)


@pytest.mark.parametrize("confidence", [False, True])
def test_the_surface_cloud_has_one_point_for_each_exposed_voxel(confidence):
    grid = random_grid(confidence=confidence)
    message = messages.surface_cloud(grid)
    types = {PointField.FLOAT32: "f4", PointField.UINT8: "u1"}
    kind = np.dtype(
        {
            "names": [f.name for f in message.fields],
            "formats": [types[f.datatype] for f in message.fields],
            "offsets": [f.offset for f in message.fields],
            "itemsize": message.point_step,
        }
    )
    points = np.frombuffer(message.data, kind)
    assert len(points) == message.width
    assert message.header.frame_id == "lidar"
    seen = {voxel_of((p["x"], p["y"], p["z"])): p for p in points}
    assert seen.keys() == exposed(grid)
    assert len(seen) == len(points)
    for index, point in seen.items():
        assert point["label"] == grid.labels[index]
        assert point["confidence"] == (255 if grid.confidence is None else grid.confidence[index])
        packed = int(np.float32(point["rgb"]).view(np.uint32))
        assert ((packed >> 16) & 255, (packed >> 8) & 255, packed & 255) == SEMANTIC_KITTI.palette[point["label"]]


def test_an_empty_grid_is_an_empty_cloud_and_an_unknown_map():
    assert messages.surface_cloud(empty_grid()).width == 0
    assert set(messages.occupancy_map(empty_grid(), FREE, -10, 10).data) == {-1}


def test_the_map_is_occupied_by_obstacles_in_the_band_free_above_ground_and_unknown_elsewhere():
    grid = random_grid(3, solid=0.15)
    low, high = -1.3, 0.8
    message = messages.occupancy_map(grid, FREE, low, high)
    assert (message.info.width, message.info.height) == SCENE.shape[:2]
    assert message.info.resolution == SCENE.voxel_size
    position = message.info.origin.position
    assert (position.x, position.y, position.z) == SCENE.min_corner
    cells = {}
    for x, y in np.ndindex(SCENE.shape[:2]):
        names = [
            (SEMANTIC_KITTI.names[label], -2.0 + 0.5 * (z + 0.5))
            for z, label in enumerate(grid.labels[x, y])
            if label not in (EMPTY, UNKNOWN)
        ]
        blocked = any(name not in FREE and low <= height <= high for name, height in names)
        free = any(name in FREE for name, _ in names)
        cells[x, y] = 100 if blocked else 0 if free else -1
    # nav_msgs: row-major, starting with (0, 0), x first
    assert list(message.data) == [cells[x, y] for y in range(SCENE.shape[1]) for x in range(SCENE.shape[0])]
    assert set(cells.values()) == {100, 0, -1}


@pytest.mark.parametrize("grid", [random_grid(), random_grid(solid=0.0), empty_grid()], ids=["many", "few", "none"])
def test_spliced_markers_are_read_by_rclpy_as_written(grid):
    message = deserialize_message(surface_markers(grid, 10_000), MarkerArray)
    clear, cubes = message.markers
    assert clear.action == Marker.DELETEALL
    assert (cubes.type, cubes.action, cubes.ns) == (Marker.CUBE_LIST, Marker.ADD, "occupied")
    assert (cubes.scale.x, cubes.scale.y, cubes.scale.z) == (0.5, 0.5, 0.5)
    assert cubes.header.frame_id == "lidar"
    seen = {voxel_of((p.x, p.y, p.z)): c for p, c in zip(cubes.points, cubes.colors, strict=True)}
    assert seen.keys() == exposed(grid)
    for index, color in seen.items():
        rgb = SEMANTIC_KITTI.palette[grid.labels[index]]
        np.testing.assert_allclose((255 * color.r, 255 * color.g, 255 * color.b, color.a), (*rgb, 1), atol=1e-4)
    assert cubes.text == cubes.mesh_resource == ""


def test_capped_markers_are_the_nearest():
    grid = random_grid()
    full = deserialize_message(surface_markers(grid, 10_000), MarkerArray).markers[1].points
    capped = deserialize_message(surface_markers(grid, 20), MarkerArray).markers[1].points
    distances = [sorted(p.x**2 + p.y**2 + p.z**2 for p in points) for points in (full, capped)]
    assert len(full) > 20
    np.testing.assert_array_equal(distances[1], distances[0][:20])


def test_the_class_table_names_and_colours_every_class():
    info = messages.label_info(SEMANTIC_KITTI, messages.Time(sec=3))
    assert info.label_set == "semantic_kitti"
    assert list(info.ids) == list(range(20))
    assert info.names[CAR] == "car"
    assert tuple(info.colors[3 * ROAD : 3 * ROAD + 3]) == SEMANTIC_KITTI.palette[ROAD]
