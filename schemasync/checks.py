"""System checks of the setting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from . import conf
from .errors import Problem


@checks.register
def check_setting(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """E001: SCHEMASYNC is no dict. E002: it has a key that does not exist. E003: a value cannot be used."""
    given = getattr(settings, "SCHEMASYNC", {})
    return [
        *_errors("schemasync.E001", conf.not_a_dict(given)),
        *_errors("schemasync.E002", conf.unknown_keys(given)),
        *_errors("schemasync.E003", conf.bad_values(given)),
    ]


def _errors(name: str, problems: Iterable[Problem]) -> list[checks.Error]:
    return [checks.Error(f"{problem.message}.", hint=problem.hint, id=name) for problem in problems]
