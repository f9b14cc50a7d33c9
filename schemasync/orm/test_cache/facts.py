"""The facts that a test database depends on besides files and settings: versions, models, routers, receivers."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
from django.apps import AppConfig, apps
from django.core.management import get_commands
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model
from django.db.models.signals import post_migrate, pre_migrate
from django.dispatch import Signal

from ... import __version__, conf
from .inputs import described, digest
from .sources import file_of

DISTRIBUTIONS = (".dist-info", ".egg-info", ".egg-link", ".pth")
PLACES = ("NAME", "TEST")  # keys of a database whose values differ between the processes of a test run


def facts(alias: str) -> dict[str, str]:
    """Return the facts: descriptions mapped to digests or versions."""
    return {
        "the version of Python": digest(sys.version),
        "the version of SQLite": sqlite3.sqlite_version,
        "the version of Django": django.get_version(),
        "the version of schemasync": __version__,
        "the installed distributions": digest("\n".join(sorted(distributions()))),
        "the models": digest("\n".join(model_lines(alias))),
        "the receivers of pre_migrate and post_migrate": digest("\n".join(sorted(receiver_lines()))),
        "the routers": digest("\n".join(name_of(type(one)) for one in router.routers)),
        f"the settings of the database {alias}": digest(database_line(alias)),
        "the command migrate": command(),
    }


def roots() -> set[str]:
    """Return the names of modules with code that may run in a build: migrations, receivers, routers, `migrate`."""
    found = {name for name in sys.modules if any(name.startswith(f"{module}.") for module in migration_modules())}
    found.update(module_of(one) for *_, one in _receivers())
    found.update(type(one).__module__ for one in router.routers)
    return found | migration_modules() | {f"{command()}.management.commands.migrate"}


def folders() -> set[str]:
    """Return the folders of migrations that belong to the project."""
    files = (file_of(module) for module in migration_modules())
    return {str(Path(path).parent) for path in files if path is not None}


def migration_modules() -> set[str]:
    """Return the names of the packages with the migrations of the installed apps."""
    found = (MigrationLoader.migrations_module(config.label)[0] for config in apps.get_app_configs())
    return {module for module in found if module is not None}


def distributions() -> Iterator[str]:
    """Yield the names of the files and folders that record the installed distributions, with their versions."""
    for folder in sys.path:
        place = folder or "."  # the empty one stands for the current folder
        if Path(place).is_dir():
            yield from (name for name in os.listdir(place) if name.endswith(DISTRIBUTIONS))  # noqa: PTH208  fast


def model_lines(alias: str) -> Iterator[str]:
    """Yield the parts of each model that decide content types and permissions; also its fields if Django creates the
    table from them: in an app without migrations, and in all apps if `TEST["MIGRATE"]` of the database is False."""
    ignores = connections[alias].settings_dict["TEST"].get("MIGRATE") is False
    for config in apps.get_app_configs():
        whole = ignores or not conf.has_migrations(config)
        for model in config.get_models(include_auto_created=True):
            yield described([model._meta.label, *_permissions(model), *(_definition(model) if whole else ())])


def _permissions(model: type[Model]) -> list[Any]:
    meta: Any = model._meta
    return [meta.permissions, meta.default_permissions, str(meta.verbose_name_raw), meta.proxy, meta.managed]


def _definition(model: type[Model]) -> list[Any]:
    meta: Any = model._meta
    fields = [one.deconstruct() for one in (*meta.local_fields, *meta.local_many_to_many)]
    options = [meta.db_table, meta.unique_together, [repr(one) for one in (*meta.indexes, *meta.constraints)]]
    return [fields, options]


def receivers(signal: Signal, sender: AppConfig | None) -> list[Callable[..., Any]]:
    """Return the project's own receivers of a signal of `migrate` for an app."""
    waiting, _ = signal._live_receivers(sender)
    return [one for one in waiting if file_of(module_of(one)) is not None]


def _receivers() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Yield (name of the signal, label of an app, receiver) for each of the project's own receivers."""
    for name, signal in (("pre_migrate", pre_migrate), ("post_migrate", post_migrate)):
        for config in apps.get_app_configs():
            yield from ((name, config.label, one) for one in receivers(signal, config))


def receiver_lines() -> Iterator[str]:
    """Yield one line for each of the project's own receivers: its signal, the app, and its name."""
    for signal, label, receiver in _receivers():
        yield f"{signal} {label} {name_of(receiver)}"


def module_of(one: Any) -> str:
    """Return the name of the module of an object, or of its class."""
    return getattr(one, "__module__", None) or type(one).__module__


def name_of(one: Any) -> str:
    """Return the full name of a function or class, or of the class of another object."""
    return f"{module_of(one)}.{getattr(one, '__qualname__', type(one).__qualname__)}"


def database_line(alias: str) -> str:
    """Return the settings of a database as text, without the path of its file."""
    given: Any = connections[alias].settings_dict
    test = {key: value for key, value in given["TEST"].items() if key != "NAME"}
    return described({**{key: value for key, value in sorted(given.items()) if key not in PLACES}, "TEST": test})


def command() -> str:
    """Return the app whose `migrate` runs, or the class of a loaded command."""
    found = get_commands()["migrate"]
    return found if isinstance(found, str) else name_of(type(found))
