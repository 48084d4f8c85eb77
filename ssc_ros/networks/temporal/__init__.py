"""What past frames tell about the current one, by the motion between them."""
