"""PolarNet (Zhang et al., CVPR 2020): the network and its presets."""
