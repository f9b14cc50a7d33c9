"""Finds the hazards of a plan's data: read-only queries before the build, all at once, with counts and keys."""
