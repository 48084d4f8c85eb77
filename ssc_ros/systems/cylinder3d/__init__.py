"""Cylinder3D (Zhu et al., CVPR 2021): the network and its presets."""
