"""Backups: make verified copies of the live database elsewhere, and restore them."""
