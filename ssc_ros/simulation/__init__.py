"""Synth-KITTI: procedural streets, ray cast into the SemanticKITTI layout."""
