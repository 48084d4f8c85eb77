"""Recorded drives as live topics: publishers, /clock, and the node that answers."""
