"""Fewer bits per number: rewrite the blueprint, simulate it in training, find the scales that ship."""
