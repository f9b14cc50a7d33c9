"""Definitions of columns for schemas of tests."""

WRITTEN = {"type": "TEXT", "fill": "NULL"}
"""A new column that writes every row of its table again. Without the fill, only the definition would be edited."""
