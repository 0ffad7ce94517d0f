"""Kinds of networks: what may vary in them, and their elastic weights."""
