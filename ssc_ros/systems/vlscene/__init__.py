"""VLScene (Wang et al., AAAI 2025): the network and its presets."""
