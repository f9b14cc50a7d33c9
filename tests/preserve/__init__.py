"""What of a database is kept, tried for each feature of SQLite: docs/preserved.md says what came out."""
