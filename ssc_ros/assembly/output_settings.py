"""Groups of the node's parameters that say what it publishes, saves and watches; see `settings`."""

from __future__ import annotations

from dataclasses import dataclass

from ssc_ros.assembly.settings_rules import parameter
from ssc_ros.core import GROUND_CLASSES


@dataclass(frozen=True)
class MarkerSettings:
    """Cubes for viewers that cannot show point clouds as boxes."""

    enabled: bool = parameter(
        False, "Offer ~/markers; RViz is slow with many cubes, so prefer ~/occupied shown as boxes."
    )
    max_count: int = parameter(
        20_000, "Most cubes in one message, the nearest to the grid's origin.", low=1, high=1_000_000, applies="live"
    )


@dataclass(frozen=True)
class BevSettings:
    """The flat map for navigation."""

    min_height: float = parameter(
        -1.4, "Lower end of the band in which voxels are obstacles, z of the grid frame.", unit="m", low=-100, high=100,
        applies="live",
    )  # fmt: skip
    max_height: float = parameter(
        0.6, "Upper end of that band.", unit="m", low=-100, high=100, applies="live"
    )  # fmt: skip
    free_classes: tuple[str, ...] = parameter(
        GROUND_CLASSES,
        "Classes to drive on; every other class in the band is an obstacle, a column of neither is unknown.",
    )


@dataclass(frozen=True)
class MapSettings:
    """The rolling map of completed grids."""

    enabled: bool = parameter(
        False,
        "Fuse the completed grids at their ego poses into a map around the robot: ~/fused_grid, ~/map, ~/map_bev. "
        "Its frame is odometry.fixed_frame.",
    )
    radius: float = parameter(
        51.2, "How far the map reaches to all sides; what is farther is forgotten.", unit="m", low=1.6, high=102.4
    )
    height: float = parameter(12.8, "How high the map is, around the middle of the grid.", unit="m", low=1.6, high=51.2)
    gain: float = parameter(1.5, "Weight of a grid's evidence at its origin.", low=0.01, high=10)
    out_of_view: float = parameter(0.5, "Weight of voxels that the camera does not see.", low=0, high=1)
    threshold: float = parameter(
        0.1, "Evidence from which a voxel is occupied; higher: fewer false obstacles, fewer found.", low=0.04, high=3
    )
    moving_life: float = parameter(
        1.0, "How long a car, a person or another thing that may move is remembered.", unit="s", low=0.1, high=6
    )
    static_distance: float = parameter(
        60.0,
        "How far the robot travels until it has forgotten all else; shorter for an odometry that drifts.",
        unit="m",
        low=1,
        high=1000,
    )
    period: float = parameter(
        0.5, "Shortest time between two messages of ~/map and of ~/map_bev.", unit="s", low=0, high=60, applies="live"
    )
    jump_distance: float = parameter(
        1.0, "How far an ego pose may be from where the robot can be; farther clears the map.", unit="m", low=0.1,
        high=100,
    )  # fmt: skip
    jump_angle: float = parameter(10.0, "How far it may be turned from there.", unit="deg", low=1, high=180)


@dataclass(frozen=True)
class SaveSettings:
    """Grids on disk."""

    directory: str = parameter("ssc_grids", "Folder of ~/save_grid where its request names none.", applies="live")


@dataclass(frozen=True)
class DiagnosticsSettings:
    """What is called healthy."""

    latency_budget: float = parameter(
        0.2, "Latency (95th percentile, stamp to publication) above which /diagnostics warns.", unit="s", low=0,
        high=60, applies="live",
    )  # fmt: skip
    watchdog_period: float = parameter(
        5.0, "How long without a result until the node explains why; 0: never.", unit="s", low=0, high=3600,
        applies="live",
    )  # fmt: skip
    mount_check_period: float = parameter(
        10.0,
        "How often one frame is checked: whether left and right are a rectified pair, and whether the ground is where "
        "the extrinsics put it, 1.73 m below the grid's origin; 0: never.",
        unit="s",
        low=0,
        high=3600,
        applies="live",
    )
