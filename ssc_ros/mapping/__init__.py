"""What the robot has passed: completed grids, fused at their poses into a map that rolls along with the robot.

Start with `evidence`, the model and its equations, and with `semantic_map.SemanticMap`, which fuses and shows.
"""
