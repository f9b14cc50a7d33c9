"""What the backend measures, as values, and what follows from it."""
