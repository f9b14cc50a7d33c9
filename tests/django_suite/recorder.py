"""The TEST_RUNNER inside Django's own run: it records the outcome of each test by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test.runner import DiscoverRunner


class Recorder(DiscoverRunner):
    """Django's runner, which writes its result to the file that the settings name."""

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        _open_before_sharing()
        result = super().run_suite(suite, **kwargs)
        noted = {
            "run": result.testsRun,
            "failures": _names(result.failures),
            "errors": _names(result.errors),
            "skipped": _names(result.skipped),
            "expected_failures": _names(result.expectedFailures),
            "unexpected_successes": sorted(test.id() for test in result.unexpectedSuccesses),
        }
        Path(settings.RECORD).write_text(json.dumps(noted, indent=1), "utf-8")
        return result


def _open_before_sharing() -> None:
    """Make the test class ThreadSharing open the connection first. On disk it otherwise closes the connection of all
    later tests, on either backend; with two processes, which tests those are depends on the scheduling."""
    from backends.sqlite.tests import ThreadSharing

    ThreadSharing.setUp = lambda self: connection.ensure_connection()


def _names(pairs: list[tuple[Any, str]]) -> list[str]:
    return sorted(test.id() for test, _ in pairs)
