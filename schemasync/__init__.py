"""One schema.json says what a SQLite database should be; schemasync makes it so, verified and reversible."""

__version__ = "0.1.0"
