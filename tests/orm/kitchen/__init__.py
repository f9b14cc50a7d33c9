"""A Django app with a model for everything that a model can say about its table."""
