"""Training: data module, Lightning module, command line. Knows systems, losses, data and inference; nothing of ROS."""
