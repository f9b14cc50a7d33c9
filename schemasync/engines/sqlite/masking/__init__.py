"""Writes a copy of a database in which personal columns have other values."""
