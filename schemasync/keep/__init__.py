"""Backups: verified copies of the live database elsewhere, and back from there."""
