"""SGN (Mei et al., IEEE TIP 2024): the network and its presets."""
