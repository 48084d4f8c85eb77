"""Depth distributions per pixel."""
