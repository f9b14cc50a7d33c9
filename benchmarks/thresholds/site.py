"""Configure the measured site: an alias for each contender, with the same tables and rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.postgres import USER

ACCOUNTS, ORDERS = 10_000, 100_000
OURS, DURABLE, POSTGRES, FAST = "default", "durable", "postgres", "fast"
LABELS = {
    OURS: "ours",
    DURABLE: "ours, FULL",
    POSTGRES: "PostgreSQL",
    FAST: "PostgreSQL, off",
}


def configure(folder: Path, socket: Path) -> None:
    """Configure Django, and create the tables and rows. `socket`: the folder of PostgreSQL's socket."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    ours = {"ENGINE": "schemasync.backends.sqlite3", "NAME": folder / "db.sqlite3"}
    theirs = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": USER,
        "HOST": str(socket),
        "CONN_MAX_AGE": None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    settings.configure(
        INSTALLED_APPS=["schemasync", "benchmarks.thresholds"],
        SCHEMASYNC={"SCHEMA": folder / "schema.json", "ENABLED": True},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        DATABASES={
            OURS: ours,
            DURABLE: {**ours, "OPTIONS": {"init_command": "PRAGMA synchronous=FULL"}},
            POSTGRES: theirs,
            FAST: {**theirs, "OPTIONS": {"options": "-c synchronous_commit=off"}},
        },
    )
    django.setup()
    call_command("schemasync", export=True, verbosity=0)
    _create(POSTGRES)
    for alias in (OURS, POSTGRES):
        _fill(alias)
    _check()


def _create(alias: str) -> None:
    from django.db import connections

    from .models import Account, Order

    with connections[alias].schema_editor() as editor:
        for model in (Account, Order):
            editor.create_model(model)


def _fill(alias: str) -> None:
    from django.db import connections

    from .models import Account, Order

    Account.objects.using(alias).bulk_create(Account(name=f"account {number}") for number in range(ACCOUNTS))
    first = Account.objects.using(alias).order_by("id").values_list("id", flat=True)[0]
    Order.objects.using(alias).bulk_create(_orders(first), batch_size=5000)
    with connections[alias].cursor() as cursor:
        cursor.execute("ANALYZE")


def _orders(first: int) -> Iterator[Any]:
    from .models import Order

    for number in range(ORDERS):
        yield Order(account_id=first + number % ACCOUNTS, text=f"order {number} " + "x" * 80, total=number % 900)


def _check() -> None:
    """Assert that each contender is as durable as its label says."""
    from django.db import connections

    asked = {
        OURS: ("PRAGMA synchronous", 1),
        DURABLE: ("PRAGMA synchronous", 2),
        POSTGRES: ("SELECT current_setting('fsync') || current_setting('synchronous_commit')", "onon"),
        FAST: ("SELECT current_setting('fsync') || current_setting('synchronous_commit')", "onoff"),
    }
    for alias, (question, answer) in asked.items():
        with connections[alias].cursor() as cursor:
            cursor.execute(question)
            found = cursor.fetchone()[0]
        assert found == answer, (alias, found)
    connections.close_all()
