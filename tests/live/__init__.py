"""Runs beside an application that writes."""
