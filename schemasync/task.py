"""The decorator of Django's tasks: of Django 6.0 or newer, or of the package django-tasks for Django 5.2."""

from __future__ import annotations

import importlib
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def _found() -> Any:
    for name in ("django.tasks", "django_tasks"):
        try:
            return importlib.import_module(name).task
        except ImportError:
            continue
    raise ImproperlyConfigured("Tasks need Django 6.0 or newer, or the package django-tasks.")


task: Any = _found()
