"""Generates Django models from a schema: descriptions of models, and their Python source. Knows no Django."""
