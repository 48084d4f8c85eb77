"""Image encoders and necks."""
