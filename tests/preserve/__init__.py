"""Tests of what schemasync preserves of a database, for each feature of SQLite; docs/preserved.md has the results."""
