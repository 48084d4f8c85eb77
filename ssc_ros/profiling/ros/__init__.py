"""The node as others meet it: a publisher, the node and a subscriber, as processes over DDS."""
