"""A Django app with models for everything that a model can state about its table."""
