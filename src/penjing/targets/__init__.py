"""Runtimes on devices: what they run, the file they take, and how long it takes them."""
