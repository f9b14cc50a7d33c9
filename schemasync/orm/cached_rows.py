"""Clears Django's in-memory caches of rows, whose ids are those of one file."""

from __future__ import annotations

from django.apps import apps


def forget() -> None:
    """Clear the caches: content types and sites may have other ids in the file that an alias means from now on."""
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site

        Site.objects.clear_cache()
