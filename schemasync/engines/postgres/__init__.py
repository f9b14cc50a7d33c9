"""PostgreSQL, for a database that outgrows SQLite."""
