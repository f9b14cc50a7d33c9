"""Fills tables by functions of the project, and records which old row made which new ones while rows are replayed."""
