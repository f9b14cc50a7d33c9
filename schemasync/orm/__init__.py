"""Compares Django's models with schema.json, and writes them into it."""
