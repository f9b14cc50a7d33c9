"""Database backends for Django that follow a database from one generation to the next."""
