"""Blocks on LiDAR points."""
