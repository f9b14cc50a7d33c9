"""Clears Django's in-memory caches of a database when another generation goes live."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from .orm import cached_rows
from .signals import generation_changed


@receiver(generation_changed)
def forget(sender: Any, **kwargs: Any) -> None:
    """Clear the caches of rows, which belong to the previous generation."""
    cached_rows.forget()
