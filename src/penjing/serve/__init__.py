"""Answers with what was found: reads artifacts only, and needs no torch."""
