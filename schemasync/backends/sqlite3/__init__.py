"""SQLite: `ENGINE = "schemasync.backends.sqlite3"`."""
