"""Finds the indexes that would help statements, measures what they cost, and names those that no statement uses."""
