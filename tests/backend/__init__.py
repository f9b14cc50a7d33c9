"""Tests of the database backend, in real processes of a real site."""
