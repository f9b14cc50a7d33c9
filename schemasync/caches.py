"""Clears Django's in-memory caches of a database when another generation goes live."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.dispatch import receiver

from .signals import generation_changed


@receiver(generation_changed)
def forget(sender: Any, **kwargs: Any) -> None:
    """Content types and sites may have other ids in the new generation."""
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site

        Site.objects.clear_cache()
