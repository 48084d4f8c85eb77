"""What the node says about itself: /diagnostics, and why there is no result."""
