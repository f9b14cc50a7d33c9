"""A site whose customers have a database each."""
