"""Convolutions on the occupied voxels of a volume alone, in plain torch, with spconv in its place on a GPU."""
