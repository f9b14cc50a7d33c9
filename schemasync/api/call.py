"""The common parts of all functions of the API."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.utils import translation
from django.utils.asyncio import async_unsafe

from .. import conf
from ..actions import option_values
from ..actions.addressed import with_addressed_hints
from ..actions.database import Database
from ..actions.option_values import CUTOVER_TIMEOUT, MAX_PAUSE, WAIT
from ..errors import SchemasyncError
from ..orm import overridden_commands
from .progress import Listener, dialogue

StrPath = str | os.PathLike[str]


@contextmanager
def called(
    action: str,
    alias: str,
    schema: StrPath | None = None,
    wait: float = WAIT,
    progress: Listener | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Database]:
    """Provide the database for an action of `manage.py schemasync`. Within the block the hints of errors name this
    database, and no language is active, so that files and rows get the same text in every language.

    Raises UsageError for `options` that the command refuses, and SynchronousOnlyOperation in an event loop.
    """
    _refuse_event_loop()
    given = {"database": alias, "schema": schema}
    with translation.override(None):
        try:
            option_values.read({"wait": wait, **options})
            option_values.refuse_misplaced(action, options)
            if conf.is_enabled() and action in overridden_commands.WITH_COMMANDS:
                overridden_commands.refuse_overridden()
            yield Database(alias, None if schema is None else Path(schema), wait, dialogue(progress, given))
        except SchemasyncError as error:
            addressed = with_addressed_hints(error, given)
            if addressed.problems == error.problems:
                raise
            raise addressed from error


@async_unsafe("You cannot call schemasync from an async context - use a thread or sync_to_async.")
def _refuse_event_loop() -> None:
    """Raise SynchronousOnlyOperation in an event loop: an action blocks for seconds, and uses Django's connection."""


_DEFAULTS = {"max_pause": MAX_PAUSE, "cutover_timeout": CUTOVER_TIMEOUT}


def given_values(**options: Any) -> dict[str, Any]:
    """Return the options that differ from None and from the defaults of _DEFAULTS, as the command line gives them."""
    return {name: value for name, value in options.items() if value != _DEFAULTS.get(name)}
