"""Training of scenes and of points: Lightning modules, data modules, command line. Knows nothing of ROS."""
