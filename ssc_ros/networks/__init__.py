"""The block library that the systems are wired from; torch only."""
