"""From synchronised messages to a `Frame`; what cannot be used is refused or left out with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssc_ros.assembly.odometry import PoseBuffer
from ssc_ros.assembly.settings import Settings
from ssc_ros.assembly.transforms import Mount, Transforms
from ssc_ros.core import Frame, SscError, StereoRig, labels_at, poses
from ssc_ros.messages.calibration import stereo_rig
from ssc_ros.messages.class_maps import read_id_map
from ssc_ros.messages.clouds import Cloud, read_points
from ssc_ros.messages.drops import Drop, UnusableInput
from ssc_ros.messages.images import IMAGE_READERS
from ssc_ros.messages.poses import read_pose
from ssc_ros.messages.rectification import Rectify, lens_key, rectifiers
from ssc_ros.messages.stamps import header_stamp


@dataclass(frozen=True)
class StereoSet:
    """Messages that belong together.

    Attributes:
        left, right: Image or CompressedImage.
        points: PointCloud2, or None.
        left_info, right_info: the newest CameraInfo of each side, or None if there was none yet.
        arrival: when the set was complete, by the wall clock [ns].
        semantics: Image with the ids of the left image's classes, or None.
    """

    left: Any
    right: Any
    points: Any | None
    left_info: Any | None
    right_info: Any | None
    arrival: int
    semantics: Any | None = None


@dataclass(frozen=True)
class LabelledSweep:
    """A sweep that was segmented.

    Attributes:
        cloud: as it was sensed.
        points: (M, 4) float32, x, y, z [m] in the grid frame and intensity 0..1 of the points that have a place.
        labels: (M,) uint8 train ids of these points, 0 unlabelled.
    """

    cloud: Cloud
    points: NDArray[np.float32]
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class StereoCalibration:
    """What a pair of camera_info says.

    Attributes:
        rig: of the rectified images.
        left, right: what makes a rectified image of one that was sensed.
    """

    rig: StereoRig
    left: Rectify
    right: Rectify


@dataclass
class FrameAssembler:
    """Reads message sets. Belongs to one inference thread at a time, except for `poses`.

    Attributes:
        settings: the current ones; may be replaced.
        transforms: where the sensors are.
        left_out: told why a cloud, class map or pose is missing from a frame that is completed all the same.
        points_required: refuse a frame whose cloud cannot be used, instead of leaving the cloud out.
        wait_for_pose: wait for an ego pose that may still come, at most `odometry.max_gap`.
        label: gives the points classes, where the network reads them.
        train_ids: of the ids of class maps (h, w), where the network can use them.
        poses: ego poses.
    """

    settings: Settings
    transforms: Transforms
    left_out: Callable[[UnusableInput], None]
    points_required: bool = False
    wait_for_pose: bool = False
    label: Callable[[Any], LabelledSweep] | None = None
    train_ids: Callable[[NDArray[np.integer]], NDArray[np.uint8]] | None = None
    poses: PoseBuffer = field(default_factory=PoseBuffer)
    _calibration: tuple[tuple[Any, ...], StereoCalibration] | None = None

    def __call__(self, inputs: StereoSet) -> Frame:
        """The frame of a set; its stamp is the left image's.

        Raises:
            UnusableInput: images, calibration or a required cloud cannot be used.
        """
        known = self._calibrated(inputs)
        rig = known.rig
        left = known.left(self._image("left", inputs.left, rig))
        right = known.right(self._image("right", inputs.right, rig))
        stamp = header_stamp(inputs.left)
        points, labels = self._points(inputs.points)
        classes = self._image_labels(inputs.semantics, rig)
        return Frame(stamp, left, right, rig, points, self._pose(stamp), labels, classes)

    def reset(self) -> None:
        """Forget poses, calibration and transforms."""
        self.poses.clear()
        self.transforms.forget()
        self._calibration = None

    def take_odometry(self, message: Any) -> None:
        """Remember the ego pose of a nav_msgs/Odometry."""
        odometry = self.settings.odometry
        mount = Mount("odometry", Drop.POSE, Drop.POSE, extrinsics=odometry.extrinsics)
        try:
            T_grid_child = self.transforms.of(mount, message.child_frame_id)
            T_world_child = read_pose(message.pose.pose)
        except UnusableInput as error:
            self.left_out(error)
        else:
            self.poses.add(header_stamp(message), T_world_child @ poses.inverse(T_grid_child))

    def _calibrated(self, inputs: StereoSet) -> StereoCalibration:
        left, right, camera = inputs.left_info, inputs.right_info, self.settings.camera
        if left is None or right is None:
            missing = [side for side, info in (("left", left), ("right", right)) if info is None]
            raise UnusableInput(
                Drop.NO_CALIBRATION, f"no camera_info of the {' and '.join(missing)} camera yet; publish it"
            )
        raw = self.settings.rectify
        key = tuple(
            (i.header.frame_id, i.height, i.width, bytes(np.asarray(i.p, np.float64)), raw and lens_key(i))
            for i in (left, right)
        )
        known = self._calibration
        if known is not None and known[0] == key:
            return known[1]
        mount = Mount("camera", Drop.FRAME_ID, Drop.EXTRINSICS, camera.frame_id, camera.extrinsics, optical=True)
        rig = stereo_rig(left, right, self.transforms.of(mount, left.header.frame_id))
        found = StereoCalibration(rig, *rectifiers(left, right, raw))
        self._calibration = key, found
        return found

    def _image(self, side: str, message: Any, rig: StereoRig) -> NDArray[np.uint8]:
        """RGB of one image; nothing is decoded before its size is that of the calibration."""
        reader = IMAGE_READERS[self.settings.image_transport]
        rows, columns = reader.size(message)
        if (rows, columns) != rig.image_size:
            raise UnusableInput(
                Drop.IMAGE_SIZE,
                f"{side} image has {rows} rows x {columns} columns, but its camera_info is for "
                f"{rig.image_size[0]} x {rig.image_size[1]}; publish the camera_info of these images",
            )
        return reader.decode(message)

    def _points(self, message: Any | None) -> tuple[NDArray[np.float32] | None, NDArray[np.uint8] | None]:
        """Points and their classes."""
        if message is None:
            return None, None
        try:
            if self.label is None:
                pose = self.transforms.of(lidar_mount(self.settings), message.header.frame_id)
                return read_points(message, pose), None
            sweep = self.label(message)
            return sweep.points, sweep.labels
        except UnusableInput as error:
            if self.points_required:
                raise UnusableInput(Drop.BAD_CLOUD, f"the network reads LiDAR, but {error}") from error
            self.left_out(error)
            return None, None

    def _image_labels(self, message: Any | None, rig: StereoRig) -> NDArray[np.uint8] | None:
        """Train ids (H, W) of the left image's pixels, by a class map."""
        if message is None or self.train_ids is None:
            return None
        try:
            return labels_at(self.train_ids(read_id_map(message, rig.image_size)), rig.image_size)
        except UnusableInput as error:
            self.left_out(error)
        except SscError as error:
            self.left_out(UnusableInput(Drop.MAP_LABELS, f"{error} Set semantics.label_map"))
        return None

    def _pose(self, stamp: int) -> NDArray[np.float64] | None:
        odometry = self.settings.odometry
        max_gap = round(1e9 * odometry.max_gap)
        if self.wait_for_pose and odometry.enabled:
            self.poses.wait(stamp, max_gap)
        return self.poses.at(stamp, max_gap)


def lidar_mount(settings: Settings) -> Mount:
    """How clouds say where they are."""
    lidar = settings.lidar
    return Mount("lidar", Drop.CLOUD_FRAME, Drop.CLOUD_FRAME, lidar.frame_id, lidar.extrinsics)
