"""Where time and memory of a prediction go, and how near that is to what the machine can do."""
