"""Translates expressions of SQLite into those of PostgreSQL that mean the same, and refuses all others by name."""
