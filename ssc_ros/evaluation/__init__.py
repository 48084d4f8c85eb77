"""How good a prediction is: scores, reports, pictures. Knows grids and labels; nothing of files, torch or ROS."""
