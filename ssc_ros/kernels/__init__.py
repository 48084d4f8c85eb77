"""Compiled loops, and what compiles them, runs them on several threads and shares them; numba, no torch."""
