"""`ssc-ros demo`: a bag, the node and a replay as processes, and scores of what the node published."""
