"""What tells a dense network where to look, and what is there (SGN, Mei et al., IEEE TIP 2024)."""
