"""Helpers for tests of several folders: commands in processes of their own, and projects for them."""
