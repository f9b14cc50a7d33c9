"""What the data would do to a plan: read-only queries before anything is built, all at once, with counts and keys."""
