"""Node, replay and RViz: watch a bag or a SemanticKITTI sequence being completed.

ros2 launch ssc_ros kitti_replay.launch.py bag:=/data/kitti_08
ros2 launch ssc_ros kitti_replay.launch.py data:=/data/kitti sequence:=08 rate:=0.5 loop:=true
ros2 launch ssc_ros kitti_replay.launch.py bag:=/data/kitti_08 segmentation:=models/polarnet_edge.safetensors
ros2 launch ssc_ros kitti_replay.launch.py --show-args
"""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from ssc_ros.assembly.parameter_files import read_sections
from ssc_ros.core import SscError
from ssc_ros.core.resources import find_file, share_directory
from ssc_ros.messages.transports import large_message_variables
from ssc_ros.ros.installed import require_executable
from ssc_ros.ros.signals import END_WITH_PARENT

SHARE = share_directory()
PATIENCE = "30"
"""How long a process may take to leave after Ctrl-C [s]: launch's own 5 are too few for a busy node."""
BOOLEAN = ["true", "false"]
ARGUMENTS = [
    DeclareLaunchArgument("bag", default_value="", description="Folder of a rosbag2 bag; or give data and sequence."),
    DeclareLaunchArgument("data", default_value="", description="SemanticKITTI root, that holds sequences/."),
    DeclareLaunchArgument("sequence", default_value="08", description="Sequence of data, such as 08."),
    DeclareLaunchArgument("rate", default_value="1.0", description="Speed of the replay; 1.0 is as recorded."),
    DeclareLaunchArgument("loop", default_value="false", choices=BOOLEAN, description="Start again at the end."),
    DeclareLaunchArgument("start_offset", default_value="0.0", description="Where to start [s after the first frame]."),
    DeclareLaunchArgument("lidar", default_value="true", choices=BOOLEAN, description="Play the LiDAR sweeps, too."),
    DeclareLaunchArgument(
        "checkpoint", default_value="", description="Network (.safetensors); empty: the shipped one."
    ),
    DeclareLaunchArgument(
        "segmentation",
        default_value="",
        description="Network (.safetensors) that gives classes to LiDAR points; empty: none.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=str(SHARE / "config" / "ssc_node.yaml"),
        description="Parameters of the node; launch arguments win over them.",
    ),
    DeclareLaunchArgument("rviz", default_value="true", choices=BOOLEAN, description="Open RViz."),
    DeclareLaunchArgument(
        "rviz_config", default_value=str(SHARE / "rviz" / "ssc.rviz"), description="What RViz shows, a .rviz file."
    ),
    DeclareLaunchArgument(
        "large_data",
        default_value="true",
        choices=BOOLEAN,
        description="Let Fast DDS carry images in a large shared-memory segment (config/fastdds.xml); unless the "
        "environment names transports.",
    ),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="Log level of node and replay.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Arguments, then everything that depends on them."""
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Check everything that can be, then start the processes: a failure in between would leave some of them running."""
    value = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    source = replay_source(value)
    for name in ("checkpoint", "segmentation", "params_file", *(["rviz_config"] if value["rviz"] == "true" else [])):
        if value[name]:
            value[name] = str(find_file(value[name]))  # models/... from wherever one launches
            if not Path(value[name]).is_file():
                raise FileNotFoundError(f"{name}:={value[name]} does not exist")
    try:
        read_sections(Path(value["params_file"]))
    except SscError as error:
        raise ValueError(f"params_file: {error}") from error
    if value["rviz"] == "true":
        require_executable("rviz2", "rviz2", "install ros-jazzy-rviz2, or launch with rviz:=false")
    for name in ("node", "replay"):
        require_executable("ssc_ros", name, "source the install/setup.bash of its workspace")

    large = value["large_data"] == "true"
    variables = {END_WITH_PARENT: "1"} | (large_message_variables() if large else {})
    patience = {"sigterm_timeout": PATIENCE, "sigkill_timeout": PATIENCE}
    options = [] if large else ["--no-large-data"]
    ros_arguments = ["--log-level", value["log_level"]]
    files = {"checkpoint": value["checkpoint"], "lidar.segmentation_checkpoint": value["segmentation"]}
    overrides = {"use_sim_time": True} | {name: file for name, file in files.items() if file}
    node = Node(
        package="ssc_ros",
        executable="node",
        name="ssc_node",
        output="screen",
        arguments=options,
        parameters=[value["params_file"], overrides],
        ros_arguments=ros_arguments,
        **patience,
    )
    replay = Node(
        package="ssc_ros",
        executable="replay",
        output="screen",
        arguments=[*source, "--wait-for-node", *options],
        ros_arguments=ros_arguments,
        **patience,
    )
    viewer = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", value["rviz_config"]],
        parameters=[{"use_sim_time": True}],
    )
    with_viewer = value["rviz"] == "true"
    return [
        *(SetEnvironmentVariable(name, text) for name, text in variables.items()),
        node,
        replay,
        *([viewer] if with_viewer else []),
        RegisterEventHandler(OnProcessExit(target_action=node, on_exit=leave)),
        RegisterEventHandler(OnProcessExit(target_action=replay, on_exit=stay_if_fine if with_viewer else leave)),
        *([RegisterEventHandler(OnProcessExit(target_action=viewer, on_exit=leave))] if with_viewer else []),
    ]


def replay_source(value: dict[str, str]) -> list[str]:
    """The replay's arguments, after a look at what they name."""
    if bool(value["bag"]) == bool(value["data"]):
        raise ValueError("give bag:=FOLDER, or data:=ROOT and sequence:=NN (see --show-args)")
    if value["bag"]:
        folder, source = Path(value["bag"]), ["--bag", value["bag"]]
    else:
        folder = Path(value["data"], "sequences", value["sequence"])
        source = ["--data", value["data"], "--sequence", value["sequence"]]
    if not folder.is_dir():
        raise FileNotFoundError(f"{'bag' if value['bag'] else 'sequence'} folder {folder} does not exist")
    for name in ("rate", "start_offset"):
        try:
            number = float(value[name])
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf") or (name == "rate" and not number):
            raise ValueError(f"{name}:={value[name]} is no number that a replay can use")
    source += ["--rate", value["rate"], "--start-offset", value["start_offset"]]
    source += ["--loop"] if value["loop"] == "true" else []
    return source + (["--no-lidar"] if value["lidar"] == "false" else [])


def leave(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """End the launch with the process; a failure is the launch's, too."""
    if event.returncode and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} failed with exit status {event.returncode}; see its messages above")
    return [EmitEvent(event=Shutdown(reason=f"{event.process_name} has ended"))]


def stay_if_fine(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Leave the last scene in RViz when the replay is over."""
    return leave(event, context) if event.returncode else []
