"""LSeg (Li et al., ICLR 2022), VLScene's language teacher: the network and its presets."""
