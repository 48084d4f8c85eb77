"""Blocks on volumes and on their planes."""
