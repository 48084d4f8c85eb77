"""Words as vectors, and networks that compare pixels with them."""
