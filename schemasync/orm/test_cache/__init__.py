"""Test databases that are built once and copied afterwards."""
