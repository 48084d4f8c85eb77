"""What the node publishes: topics, and the messages that show a grid."""
