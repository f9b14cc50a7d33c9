"""Definitions of columns for schemas of tests."""

WRITTEN = {"type": "TEXT", "fill": "NULL"}
"""A new column that rewrites its table. Without the fill, only the definition would be edited."""
