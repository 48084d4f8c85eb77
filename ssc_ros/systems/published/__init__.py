"""What the authors published: the sizes of their networks and the layout of their checkpoints."""
