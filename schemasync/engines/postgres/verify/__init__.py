"""Proves that a table on PostgreSQL has the same content as in SQLite: by every row's values, never by counts."""
