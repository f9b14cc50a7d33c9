"""Reads values for a move to PostgreSQL, and finds those that do not fit there."""
