"""Grids, images, points and latencies in a browser, by rerun: what `ssc-ros view` shows; without ROS."""
