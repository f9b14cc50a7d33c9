"""Proves that a table on PostgreSQL holds what SQLite holds: by the content of each row, never by counts."""
