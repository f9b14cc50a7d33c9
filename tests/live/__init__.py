"""Runs while an application writes."""
