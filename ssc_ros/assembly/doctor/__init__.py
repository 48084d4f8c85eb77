"""Whether a robot's cameras are fit for the node, and how they are mounted: what `ssc-ros doctor` finds."""
