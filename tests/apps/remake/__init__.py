"""A Django app with one model for tests/test_why_not_migrate.py: its table is made by hand, and migrations change
it."""
