"""Where the time of a prediction goes, and how near that is to what the machine can do."""
