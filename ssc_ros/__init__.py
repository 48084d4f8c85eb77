"""ssc_ros: camera-centric semantic scene completion on ROS 2."""

__version__ = "0.2.0"
