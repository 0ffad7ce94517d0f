"""Ways to compress: each says what may vary, what the network will be, and makes it so."""
