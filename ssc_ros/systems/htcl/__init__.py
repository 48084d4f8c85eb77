"""HTCL (Li et al., ECCV 2024): the network and its presets."""
