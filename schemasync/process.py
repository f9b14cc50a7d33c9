"""Recognises the kind of this process: a management command, a server, tests."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

COMMANDS = ("manage.py", "django-admin", "django-admin.py", "__main__.py")

# Commands that serve, of Django, django-extensions and the task queues that are started by manage.py.
SERVING = frozenset("runserver runserver_plus db_worker qcluster rqworker run_huey process_tasks procrastinate".split())


def command() -> str | None:
    """Return the management command of this process; None for any other process."""
    script = Path(sys.argv[0]) if sys.argv else Path()
    if script.name not in COMMANDS or (script.name == "__main__.py" and script.parent.name != "django"):
        return None
    return sys.argv[1] if len(sys.argv) > 1 else "help"


def is_in_tests() -> bool:
    """True in a process that runs tests."""
    # Only tests have an outbox: https://docs.djangoproject.com/en/stable/topics/testing/tools/#email-services
    return "pytest" in sys.modules or hasattr(sys.modules.get("django.core.mail"), "outbox")


def is_serving(more: Collection[str] = ()) -> bool:
    """True in a server or a worker. `more`: names of the project's own management commands that serve."""
    return not is_in_tests() and command() in (None, *SERVING, *more)
