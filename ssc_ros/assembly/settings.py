"""Every parameter of the node, in one table that declares, types, validates and documents it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ssc_ros.assembly.output_settings import (
    BevSettings,
    DiagnosticsSettings,
    MapSettings,
    MarkerSettings,
    SaveSettings,
)
from ssc_ros.assembly.settings_rules import EXTRINSICS, Parameter, build, parameter, rows
from ssc_ros.assembly.synchronizer import SyncRules
from ssc_ros.core import SscError
from ssc_ros.core.resources import SHIPPED_CHECKPOINT
from ssc_ros.messages.stamps import SECOND

BACKENDS = (
    "auto", "torch", "torch-bf16", "compile", "compile-bf16", "openvino", "openvino-bf16", "openvino-int8",
    "onnxruntime", "cudagraphs", "cudagraphs-bf16", "tensorrt", "tensorrt-bf16",
)  # fmt: skip
"""Those of `ssc_ros.inference.backends`, which needs torch."""


PATIENCE = 0.25
"""How long a pair waits at least for a cloud that its network cannot do without [s]: a few turns of a LiDAR."""


@dataclass(frozen=True)
class SyncSettings:
    """Pairing of the two images."""

    slop: float = parameter(
        0.01, "Largest difference of stamp within a stereo pair, inclusive.", unit="s", low=0, high=1, applies="live"
    )
    queue_size: int = parameter(
        10, "Images of one side that wait for the other side.", low=1, high=1000, applies="live"
    )


@dataclass(frozen=True)
class CameraSettings:
    """Where the stereo rig is."""

    enabled: bool = parameter(
        True,
        "There is a stereo camera. False: the node completes no scenes, loads no completion checkpoint, and only gives "
        "classes to LiDAR points.",
    )
    frame_id: str = parameter(
        "", "Frame that both camera_info speak in, that of the left optical centre; empty: what the left one says."
    )
    extrinsics: tuple[float, ...] = parameter(
        (), f"Pose of the camera frame in the grid frame, {EXTRINSICS} [m]; empty: ask TF.", pose=True
    )


@dataclass(frozen=True)
class LidarSettings:
    """The LiDAR: for checkpoints that read one, and for the classes of its points."""

    enabled: bool = parameter(
        True,
        "Use point clouds with a checkpoint that reads them beside stereo. One that reads stereo alone never does; one "
        "that reads LiDAR alone cannot do without, so this must be true.",
    )
    segmentation_checkpoint: str = parameter(
        "",
        "Path of a .safetensors checkpoint that gives classes to points, for ~/points_semantic and for completion "
        "checkpoints that read such classes; empty: neither.",
    )
    slop: float = parameter(
        0.05, "Largest difference of stamp between cloud and left image.", unit="s", low=0, high=1, applies="live"
    )
    grace_time: float = parameter(
        0.05,
        "How long a stereo pair waits for its cloud, by the wall clock; where it is optional, only while the "
        f"topic has a publisher; where it is required, at least {PATIENCE} s, unless a newer cloud comes before.",
        unit="s",
        low=0,
        high=5,
        applies="live",
    )
    frame_id: str = parameter("", "Frame that clouds must be in; empty: any that the extrinsics reach.")
    extrinsics: tuple[float, ...] = parameter(
        (),
        f"Pose of the LiDAR frame in the grid frame, {EXTRINSICS} [m]; empty: none is needed if clouds come in the "
        "grid frame, else ask TF.",
        pose=True,
    )


@dataclass(frozen=True)
class SemanticsSettings:
    """Class maps of the left image by another network."""

    topic: str = parameter(
        "",
        "Topic of class maps of the left image, sensor_msgs/Image with ids in mono8, 8UC1, mono16 or 16UC1; they take "
        "the place of the checkpoint's own segmenter, where it has one whose classes reach voxels. Empty: there are "
        "none.",
    )
    label_map: str = parameter(
        "cityscapes",
        "What the ids mean: ade20k, cityscapes, mapillary, mapillary_v2, semantic_kitti, or the path of a YAML file "
        "like those in config/labels.",
    )
    slop: float = parameter(
        0.01, "Largest difference of stamp between class map and left image, inclusive.", unit="s", low=0, high=1,
        applies="live",
    )  # fmt: skip
    grace_time: float = parameter(
        0.1,
        "How long a stereo pair, complete with its cloud if it has one, waits for its class map, by the wall clock; "
        "only while the topic has a publisher.",
        unit="s",
        low=0,
        high=5,
        applies="live",
    )


@dataclass(frozen=True)
class OdometrySettings:
    """The optional ego pose."""

    enabled: bool = parameter(True, "Hand the ego pose to models that use several frames.")
    source: str = parameter(
        "topic",
        "Who tells the ego pose: nav_msgs/Odometry on odometry, or TF, by the grid frame's transform in "
        "odometry.fixed_frame.",
        choices=("topic", "tf"),
    )
    fixed_frame: str = parameter(
        "odom", "With odometry.source tf: a frame that stands still, in which the robot moves without jumps."
    )
    max_gap: float = parameter(
        0.2, "Longest gap between two poses that is bridged by interpolation.", unit="s", low=0, high=5, applies="live"
    )
    extrinsics: tuple[float, ...] = parameter(
        (),
        f"Pose of the odometry's child frame in the grid frame, {EXTRINSICS} [m]; empty: none is needed if the child "
        "is the grid frame, else ask TF.",
        pose=True,
    )


@dataclass(frozen=True)
class GridSettings:
    """The published grid."""

    frame_id: str = parameter("", "Name of the grid frame on the robot; empty: the name in the checkpoint.")
    encoding: str = parameter(
        "bitmask_labels",
        "How the labels are written; see SemanticVoxelGrid.msg.",
        choices=("dense", "bitmask_labels", "dense_zstd", "bitmask_labels_zstd"),
        applies="live",
    )
    confidence: bool = parameter(
        False, "Publish the probability of each label too, which doubles the size.", applies="live"
    )


@dataclass(frozen=True)
class Settings:
    """All parameters of the node, by group. Grid, classes and normalisation are the checkpoint's and not settable."""

    checkpoint: str = parameter("", f"Path of a .safetensors checkpoint; empty: the shipped {SHIPPED_CHECKPOINT}.")
    device: str = parameter(
        "auto", "Where the network runs; auto: CUDA where there is one.", pattern=r"auto|cpu|cuda|cuda:\d+"
    )
    backend: str = parameter(
        "auto",
        "What runs the completion network; auto: OpenVINO on a CPU, in eight bits or bfloat16 where CPU and checkpoint "
        "admit it, else torch. One that does not agree with torch is refused.",
        choices=BACKENDS,
    )
    threads: int = parameter(
        0, "CPU threads of the networks, the frames in work share them; 0: as many as torch chooses.", low=0, high=256
    )
    parallel_frames: int = parameter(
        1,
        "Frames completed at once, each on its share of the threads. On a CPU, one per core completes more frames a "
        "second, but each of them takes longer. More than 1 is refused for networks that read past frames.",
        low=1,
        high=16,
    )
    waiting_frames: int = parameter(
        1,
        "Frames that wait for the network while it is at work; a newer one takes the place of the oldest. 1: always "
        "the newest. More: fewer are dropped in a slow second, and the others are later.",
        low=1,
        high=1000,
    )
    autostart: bool = parameter(True, "Configure and activate at start, without a lifecycle manager.", applies="start")
    image_transport: str = parameter("raw", "Image messages to subscribe to.", choices=("raw", "compressed"))
    rectify: bool = parameter(
        False,
        "The images are as the lenses see them, and the node rectifies them, by K, D, R and P of their camera_info.",
    )
    always_run: bool = parameter(
        False, "Complete frames and segment sweeps even while nobody subscribes to any output.", applies="live"
    )
    future_tolerance: float = parameter(
        0.5, "How far a stamp may lie ahead of the node's clock.", unit="s", low=0, high=3600, applies="live"
    )
    sync: SyncSettings = SyncSettings()
    camera: CameraSettings = CameraSettings()
    lidar: LidarSettings = LidarSettings()
    semantics: SemanticsSettings = SemanticsSettings()
    odometry: OdometrySettings = OdometrySettings()
    grid: GridSettings = GridSettings()
    markers: MarkerSettings = MarkerSettings()  # noqa: RUF009 (frozen)
    bev: BevSettings = BevSettings()  # noqa: RUF009 (frozen)
    map: MapSettings = MapSettings()  # noqa: RUF009 (frozen)
    save: SaveSettings = SaveSettings()  # noqa: RUF009 (frozen)
    diagnostics: DiagnosticsSettings = DiagnosticsSettings()  # noqa: RUF009 (frozen)

    @staticmethod
    def from_values(values: Mapping[str, Any]) -> Settings:
        """Settings of flat values such as {"sync.slop": 0.02}; what is missing keeps its default.

        Raises:
            SscError: an unknown name, a wrong type, or a value that is not allowed.
        """
        unknown = values.keys() - TABLE.keys()
        if unknown:
            raise SscError(f"unknown parameters {sorted(unknown)}; known are {', '.join(TABLE)}")
        settings: Settings = build(Settings, {name: TABLE[name].parse(value) for name, value in values.items()})
        if settings.bev.min_height >= settings.bev.max_height:
            raise SscError("parameter bev.min_height must be below bev.max_height")
        return settings


TABLE: dict[str, Parameter] = {row.name: row for row in rows(Settings)}
"""Every parameter by name, in the order of the documentation."""


def sync_rules(settings: Settings) -> SyncRules:
    """Return the synchroniser's rules, in its nanoseconds."""
    return SyncRules(
        slop=round(settings.sync.slop * SECOND),
        queue_size=settings.sync.queue_size,
        points_slop=round(settings.lidar.slop * SECOND),
        grace_time=round(settings.lidar.grace_time * SECOND),
        patience=round(PATIENCE * SECOND),
    )
