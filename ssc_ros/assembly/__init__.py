"""From messages to a `Frame`, without ROS: synchroniser, transforms, odometry, settings, watchdog, workers."""
