"""L2COcc (Wang et al., IROS 2025): the camera and LiDAR models and their presets."""
