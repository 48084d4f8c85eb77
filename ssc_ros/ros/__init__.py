"""The thin ROS 2 adapter: the only room that imports rclpy."""
