"""Finds what the data would do to a plan: read-only queries before the build, all at once, with counts and keys."""
