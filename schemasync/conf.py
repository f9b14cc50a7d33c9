"""The setting SCHEMASYNC, a dict."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string, module_has_submodule

from .errors import Code, Problem, UsageError
from .schema.text import nearest

OF_TENANT = ":"
"""Separates the entry of DATABASES that all tenants share from the key of a tenant: `tenant:acme`."""


def entry_of(alias: str) -> str:
    """Return the entry of DATABASES with the settings of a database: for a tenant the entry that all tenants share."""
    return alias.partition(OF_TENANT)[0]


def key_of(alias: str) -> str:
    """Return the key of the tenant that a database belongs to; '' for a database that is no tenant's."""
    return alias.partition(OF_TENANT)[2]


SHORTEST_TOKEN = 16  # characters: cannot be guessed over the network

DEFAULTS: Mapping[str, Any] = {
    "SCHEMA": None,
    "KEEP": 3,  # archives: enough to notice a mistake, few enough for a small disk
    "ON_STARTUP": "warn",
    "SERVING_COMMANDS": (),
    "ENABLED": False,
    "MIGRATED_APPS": (),
    "DATA_MIGRATIONS": {},
    "SEED": None,
    "TRANSFORMS": None,
    "WRITE_MIGRATIONS": False,
    "ADOPT": False,
    "RUN_FROM_ADMIN": False,
    "STATUS_TOKEN": None,
    "CONNECT": None,
    "EXTENSIONS": (),
    "TESTS": "built",
    "TEST_CACHE": None,
    "TEST_SEED": None,
    "REQUIRE": {},
    "HEALTH": None,
    "BACKUPS": {},
    "LITESTREAM": {},
    "METRICS": True,
    "NEEDS": {},
    "TENANTS": {},
}

NEEDS_KEYS = ("NODES", "RECOVERY_POINT", "RECOVERY_TIME", "MANAGED_SERVICE", "SIGNALS")
BACKUPS_KEYS = ("RECIPIENTS", "DRILL_NO_OLDER_THAN")
LITESTREAM_KEYS = ("REPLICA", "SOCKET", "CONFIG", "OPTIONS", "WAIT", "LAG", "READ_REPLICAS")
TENANTS_KEYS = (
    "DATABASE",
    "FOLDER",
    "APPS",
    "BOTH",
    "REQUEST",
    "OPEN_FILES",
    "HOST",
    "HOSTS",
    "OTHER_HOST",
    "BEHIND",
    "BACKUPS",
    "LOAD",
)
TENANT_BACKUPS_KEYS = ("STORAGE", "PREFIX", "RECIPIENTS", "RETENTION")
PERIODS = ("hourly", "daily", "weekly", "monthly")
KEY = "{key}"
"""The placeholder for the key of a tenant in the folder of its backups."""
BEHIND = ("serve", "read-only", "refuse")
OTHER_HOST = (421, 307, "X-Accel-Redirect")
HOST_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"  # it is part of commands and of configurations
URL = r"""https?://[^\s"'$;\\]+"""  # it is part of configurations
HOST_KEYS = ("URL", "WEIGHT", "LABELS", "RECEIVE")
REQUIRE_KEYS = ("BACKUP", "BACKUP_NO_OLDER_THAN", "DISK_LEFT", "NO_READER_OPEN_LONGER_THAN")


def setting(key: str) -> Any:
    """Return the value of a key, or its default. Raises UsageError with all mistakes in the dict."""
    given = getattr(settings, "SCHEMASYNC", {})
    if not _is_checked(given):
        if found := problems(given):
            raise UsageError(found)
        _checked[:] = [dict(given)]
    return given.get(key, DEFAULTS[key])


_checked: list[dict[str, Any]] = []
"""The last setting that was found without mistakes, so that it is not checked again: a command reads 50 values."""


def _is_checked(given: Any) -> bool:
    return (
        bool(_checked)
        and isinstance(given, Mapping)
        and given.keys() == _checked[0].keys()
        and all(given[key] is value for key, value in _checked[0].items())
    )


class OnStartup(StrEnum):
    """The action of a server or worker at its first connection if the database is not current."""

    IGNORE = "ignore"
    WARN = "warn"
    REFUSE = "refuse"
    SYNC = "sync"


def on_startup() -> OnStartup:
    """Return the setting ON_STARTUP."""
    return OnStartup(setting("ON_STARTUP"))


def serving_commands() -> tuple[str, ...]:
    """Return the project's own management commands that serve, for ON_STARTUP."""
    return tuple(setting("SERVING_COMMANDS"))


def is_enabled() -> bool:
    """True if schema.json replaces migrations. Never raises: every command calls it, and others report mistakes."""
    given = getattr(settings, "SCHEMASYNC", {})
    return isinstance(given, Mapping) and given.get("ENABLED") is True


ALL = "all"
"""The value of MIGRATED_APPS that means every installed app with migrations."""


def migrated_apps() -> tuple[str, ...]:
    """Return the labels of the apps that keep their migrations."""
    given = setting("MIGRATED_APPS")
    return _with_migrations(tuple(apps.get_app_configs())) if given == ALL else tuple(given)


def keeps_all() -> bool:
    """True if every app that has migrations keeps them."""
    return bool(setting("MIGRATED_APPS") == ALL)


@lru_cache(maxsize=8)  # called for every question about an app
def _with_migrations(installed: tuple[AppConfig, ...]) -> tuple[str, ...]:
    return tuple(config.label for config in installed if has_migrations(config))


def has_migrations(config: AppConfig) -> bool:
    """True if an app has migrations by MIGRATION_MODULES, or, if that does not name it, by its package."""
    modules = settings.MIGRATION_MODULES
    modules = getattr(modules, "original", modules)  # orm.migration_modules puts a policy in its place
    if config.label in modules:
        return modules[config.label] is not None
    return module_has_submodule(config.module, "migrations") if config.module is not None else False


def data_migrations() -> Mapping[str, str | None]:
    """Map data migrations, as `app.name`, to the dotted paths of functions that do their work on the new file, or to
    None if they need no work."""
    return dict(setting("DATA_MIGRATIONS"))


def seed() -> str | None:
    """Return the dotted path of the function that fills a new database; None without one."""
    return setting("SEED") or None


def transforms(alias: str) -> str | None:
    """Return the dotted path of the module with the transforms of a database; None without one."""
    given, alias = setting("TRANSFORMS"), entry_of(alias)
    found = given.get(alias) if isinstance(given, Mapping) else given if alias == DEFAULT_DB_ALIAS else None
    return str(found) if found else None


class Tests(StrEnum):
    """The way to make a test database: build it at each run; copy it if it was built before; or build it, and compare
    it with the copy that would be used."""

    BUILT = "built"
    CACHED = "cached"
    VERIFIED = "verified"


def tests() -> Tests:
    """Return the setting TESTS. Never raises: other functions report mistakes."""
    given = getattr(settings, "SCHEMASYNC", {})
    value = given.get("TESTS") if isinstance(given, Mapping) else None
    return Tests(value) if value in list(Tests) else Tests.BUILT


def has_test_seed() -> bool:
    """True if a function fills new test databases. Never raises."""
    given = getattr(settings, "SCHEMASYNC", {})
    return isinstance(given, Mapping) and bool(given.get("TEST_SEED"))


def test_seed() -> str | None:
    """Return the dotted path of the function that fills a new test database; None without one."""
    return setting("TEST_SEED") or None


def writes_migrations() -> bool:
    """True if `makemigrations` also writes migration files, for installations on other engines."""
    return bool(setting("WRITE_MIGRATIONS"))


def adopts() -> bool:
    """True if `migrate` and a sync adopt a plain file."""
    return bool(setting("ADOPT"))


def adopting_command() -> str:
    """Return the command of a sync, which adopts a plain file; '' without the setting ADOPT."""
    return "" if not adopts() else "manage.py migrate" if is_enabled() else "manage.py schemasync"


def runs_from_admin() -> bool:
    """True if the admin may run a sync."""
    return bool(setting("RUN_FROM_ADMIN"))


def status_token() -> str | None:
    """Return the token with which a monitor without a session can read the status; None without one."""
    return setting("STATUS_TOKEN") or None


def connect() -> Callable[[Any], object] | str | None:
    """Return the function that registers functions and collations for schemasync's connections, or its dotted path;
    None without one."""
    found: Callable[[Any], object] | str | None = setting("CONNECT")
    return found


def extensions() -> tuple[Any, ...]:
    """Return the extensions of each of schemasync's connections: paths, names, dotted paths and callables."""
    return tuple(setting("EXTENSIONS"))


def require() -> Mapping[str, Any]:
    """Return the conditions for a run: the setting REQUIRE."""
    return dict(setting("REQUIRE"))


def backup_recipients() -> tuple[str, ...]:
    """Return the recipients for whom backups are encrypted; empty if they are not encrypted."""
    return tuple(setting("BACKUPS").get("RECIPIENTS", ()))


def tenant_backups(alias: str) -> Mapping[str, Any]:
    """Return the settings for the backups of a tenant, by BACKUPS of TENANTS; empty for any other database. Raises
    UsageError if the function of the project returns invalid settings."""
    key = key_of(alias)
    given = setting("TENANTS").get("BACKUPS", {}) if key else {}
    if isinstance(given, Mapping):
        return given
    function = import_string(given) if isinstance(given, str) else given
    found = function(key)
    if faults := [*_bad_tenant_backups(found)]:
        raise UsageError.of(
            Code.UNKNOWN_SETTING,
            f'the function in BACKUPS of SCHEMASYNC["TENANTS"] returns for "{key}": {"; ".join(faults)}',
            HINT_OF_BACKUPS,
            key="TENANTS",
        )
    return dict(found)


HINT_OF_BACKUPS = (
    'Use for example: {"STORAGE": "backups", "PREFIX": "tenants/{key}", "RECIPIENTS": ["age1…"], '
    '"RETENTION": {"daily": 14, "weekly": 8}}'
)


def _bad_tenant_backups(given: object) -> Iterator[str]:
    """Yield the faults of BACKUPS of TENANTS, or of the result of its function."""
    if not isinstance(given, Mapping):
        yield f"BACKUPS is {given!r}, no dict"
        return
    yield from (f"BACKUPS has no key {key!r}" for key in given if key not in TENANT_BACKUPS_KEYS)
    if not isinstance(given.get("STORAGE", ""), str | os.PathLike):
        yield f"BACKUPS: STORAGE is {given['STORAGE']!r}"
    if not isinstance(prefix := given.get("PREFIX", KEY), str) or KEY not in prefix:
        yield f"BACKUPS: PREFIX is {prefix!r}, without {KEY}: backups of all tenants would be in one folder"
    who = given.get("RECIPIENTS", ())
    if not (isinstance(who, list | tuple) and _is_list_of_names(who)):
        yield "BACKUPS: RECIPIENTS is no list of texts"
    rule = given.get("RETENTION", {})
    is_rule = isinstance(rule, Mapping) and all(
        one in PERIODS and isinstance(n, int) and n >= 0 for one, n in rule.items()
    )
    if not is_rule:
        yield f"BACKUPS: RETENTION is {rule!r}, no numbers by {', '.join(PERIODS)}"


def drill_age() -> float | None:
    """Return the largest allowed age of the last drill in seconds; None without a limit."""
    found = setting("BACKUPS").get("DRILL_NO_OLDER_THAN")
    return None if found is None else seconds(found)


def health() -> Callable[[str], Any] | str | None:
    """Return the function that checks a new file before it goes live, or its dotted path; None without one."""
    found: Callable[[str], Any] | str | None = setting("HEALTH")
    return found


def litestream() -> Mapping[str, Any]:
    """Return the facts about a Litestream daemon: the setting LITESTREAM."""
    return dict(setting("LITESTREAM"))


def needs() -> Mapping[str, Any]:
    """Return the needs of the project that cannot be measured: the setting NEEDS, with durations in seconds."""
    given = setting("NEEDS")
    return {key: seconds(value) if isinstance(value, timedelta) else value for key, value in given.items()}


def measures() -> bool:
    """True if the backend measures. Never raises: each connection calls it, and other functions report mistakes."""
    given = getattr(settings, "SCHEMASYNC", {})
    return not isinstance(given, Mapping) or given.get("METRICS") is not False


def seconds(given: timedelta | float) -> float:
    """Return a duration of a setting in seconds."""
    return given.total_seconds() if isinstance(given, timedelta) else float(given)


def is_path(given: object) -> bool:
    """True for a path or a pattern of paths, False for the dotted path of a function."""
    return isinstance(given, os.PathLike) or (isinstance(given, str) and os.sep in given)


def keep() -> int:
    """Return the number of archives that the prune after a sync keeps."""
    return int(setting("KEEP"))


def schema_path(alias: str) -> Path:
    """Return the path of the schema.json of a database: SCHEMA as a path or {alias: path}, otherwise schema.json next
    to manage.py, and schema.ALIAS.json for other databases. All tenants share the schema.json of their entry. Raises
    UsageError if SCHEMA lacks the alias."""
    given, alias = setting("SCHEMA"), entry_of(alias)
    if isinstance(given, Mapping):
        if alias not in given:
            known = ", ".join(given) or "none"
            raise UsageError.of(
                Code.UNKNOWN_SETTING,
                f'SCHEMASYNC["SCHEMA"] names no schema for the database "{alias}"',
                f"It has: {known}. Add it, or use --schema PATH.",
            )
        given = given[alias]
    if given is not None:
        return Path(given)
    return _beside_manage() / ("schema.json" if alias == DEFAULT_DB_ALIAS else f"schema.{alias}.json")


# --- mistakes in the setting, reported by the command and by the system checks -----------------------------------


def problems(given: object) -> list[Problem]:
    """Return all mistakes in the setting."""
    return [*not_a_dict(given), *unknown_keys(given), *bad_values(given)]


def not_a_dict(given: object) -> Iterator[Problem]:
    """Yield a problem if the setting is not a dict; then the other functions find none."""
    if not isinstance(given, Mapping):
        yield Problem(Code.UNKNOWN_SETTING, f"SCHEMASYNC is {given!r}, not a dict", "SCHEMASYNC = {}")


def unknown_keys(given: object) -> Iterator[Problem]:
    """Yield a problem for each unknown key, with the nearest known one."""
    for key in given if isinstance(given, Mapping) else ():
        if key not in DEFAULTS:
            near = nearest(str(key), DEFAULTS)
            hint = f'Did you mean "{near}"?' if near else f"Known are: {', '.join(DEFAULTS)}."
            yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC has an unknown key "{key}"', hint, {"key": str(key)})


def bad_values(given: object) -> Iterator[Problem]:
    """Yield a problem for each invalid value."""
    known = given if isinstance(given, Mapping) else {}
    count, schema = known.get("KEEP", DEFAULTS["KEEP"]), known.get("SCHEMA")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        hint = "Use a number of 1 or more: the newest archive always stays, for a rollback."
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["KEEP"] is {count!r}', hint, {"key": "KEEP"})
    start = known.get("ON_STARTUP", DEFAULTS["ON_STARTUP"])
    if start not in list(OnStartup):
        hint = f"Give one of: {', '.join(OnStartup)}."
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["ON_STARTUP"] is {start!r}', hint, {"key": "ON_STARTUP"})
    token = known.get("STATUS_TOKEN")
    if token is not None and not (isinstance(token, str) and len(token) >= SHORTEST_TOKEN):
        hint = f"Use a string of {SHORTEST_TOKEN} characters or more, for example from: openssl rand -hex 16"
        yield Problem(Code.UNKNOWN_SETTING, 'SCHEMASYNC["STATUS_TOKEN"] is invalid', hint, {"key": "STATUS_TOKEN"})
    origin, cache = known.get("TESTS", Tests.BUILT), known.get("TEST_CACHE")
    if origin not in list(Tests):
        message = f'SCHEMASYNC["TESTS"] is {origin!r}'
        yield Problem(Code.UNKNOWN_SETTING, message, f"Use one of: {', '.join(Tests)}.", {"key": "TESTS"})
    if cache is not None and not isinstance(cache, str | os.PathLike):
        message = f'SCHEMASYNC["TEST_CACHE"] is {cache!r}'
        yield Problem(Code.UNKNOWN_SETTING, message, "Use the path of a folder.", {"key": "TEST_CACHE"})
    for key in ("ENABLED", "RUN_FROM_ADMIN", "ADOPT", "WRITE_MIGRATIONS", "METRICS"):
        if not isinstance(known.get(key, DEFAULTS[key]), bool):
            message = f'SCHEMASYNC["{key}"] is {known[key]!r}'
            yield Problem(Code.UNKNOWN_SETTING, message, "Use True or False.", {"key": key})
    if not _is_list_of_names(commands := known.get("SERVING_COMMANDS", ())):
        hint = 'Use a list of management commands: ["consume"].'
        message = f'SCHEMASYNC["SERVING_COMMANDS"] is {commands!r}'
        yield Problem(Code.UNKNOWN_SETTING, message, hint, {"key": "SERVING_COMMANDS"})
    yield from _bad_apps(known.get("MIGRATED_APPS", ()))
    yield from _bad_functions(known)
    yield from _bad_requirements(known.get("REQUIRE", {}))
    yield from _bad_backups(known.get("BACKUPS", {}))
    yield from _bad_needs(known.get("NEEDS", {}))
    yield from _bad_litestream(known.get("LITESTREAM", {}))
    yield from _bad_tenants(known.get("TENANTS", {}))
    modules = known.get("TRANSFORMS")
    if not all(isinstance(one, str) and one for one in _values(modules)):
        hint = 'Use the dotted path of a module, or one for each database: {"default": "shop.transforms"}.'
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["TRANSFORMS"] is {modules!r}', hint, {"key": "TRANSFORMS"})
    yield from _bad_connect(known.get("CONNECT"))
    health = known.get("HEALTH")
    if health is not None and not callable(health) and not _is_dotted(health):
        hint = 'Use a function that accepts the alias, or its dotted path: "shop.health.check".'
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["HEALTH"] is {health!r}', hint, {"key": "HEALTH"})
    yield from _bad_extensions(known.get("EXTENSIONS", ()))
    if not all(path and isinstance(path, str | os.PathLike) for path in _values(schema)):
        hint = 'Use a path, or a path for each database: {"default": BASE_DIR / "schema.json"}.'
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["SCHEMA"] is {schema!r}', hint, {"key": "SCHEMA"})


def _values(given: object) -> list[object]:
    """Return the values of a dict by database; otherwise the single value, if there is one."""
    return list(given.values()) if isinstance(given, Mapping) else [] if given is None else [given]


def _is_list_of_names(given: object) -> bool:
    return isinstance(given, list | tuple | set | frozenset) and all(isinstance(one, str) for one in given)


def _bad_apps(given: object) -> Iterator[Problem]:
    if not _is_list_of_names(given) and given != ALL:
        hint = 'Use a list of app labels: ["sites", "waffle"]; or "all" for every app that has migrations.'
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["MIGRATED_APPS"] is {given!r}', hint, {"key": "MIGRATED_APPS"})


def _bad_functions(known: Mapping[Any, Any]) -> Iterator[Problem]:
    functions = known.get("DATA_MIGRATIONS", {})
    if not isinstance(functions, Mapping) or not all(
        _is_dotted(name) and (path is None or _is_dotted(path)) for name, path in functions.items()
    ):
        hint = 'Use a function for each migration, or None: {"shop.0004_fill_slug": "shop.upgrades.fill_slug"}.'
        message = f'SCHEMASYNC["DATA_MIGRATIONS"] is {functions!r}'
        yield Problem(Code.UNKNOWN_SETTING, message, hint, {"key": "DATA_MIGRATIONS"})
    for key in ("SEED", "TEST_SEED"):
        if (seeds := known.get(key)) is not None and not _is_dotted(seeds):
            hint = 'Use the dotted path of a function that accepts the alias: "shop.seeds.fill".'
            yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["{key}"] is {seeds!r}', hint, {"key": key})


def _is_dotted(name: object) -> bool:
    return isinstance(name, str) and "." in name.strip(".")


def _bad_requirements(given: object) -> Iterator[Problem]:
    found = given if isinstance(given, Mapping) else {}
    faults = [f"it has no key {key!r}" for key in found if key not in REQUIRE_KEYS]
    faults += ["it is no dict"] if not isinstance(given, Mapping) else []
    ages = [key for key in ("BACKUP_NO_OLDER_THAN", "NO_READER_OPEN_LONGER_THAN") if key in found]
    faults += [f"{key} is {found[key]!r}" for key in ages if not _is_duration(found[key])]
    if "DISK_LEFT" in found and not _is_number(found["DISK_LEFT"]):
        faults.append(f"DISK_LEFT is {found['DISK_LEFT']!r}")
    source = found.get("BACKUP")
    if "BACKUP" in found and "BACKUP_NO_OLDER_THAN" not in found:
        faults.append("BACKUP needs BACKUP_NO_OLDER_THAN")
    elif source is not None and not (callable(source) or is_path(source) or _is_dotted(source)):
        faults.append(f"BACKUP is {source!r}")
    hint = (
        'Use for example: {"BACKUP_NO_OLDER_THAN": timedelta(days=1), "DISK_LEFT": 2_000_000_000, '
        '"NO_READER_OPEN_LONGER_THAN": 10}. "BACKUP" says where other backups are than those of schemasync backup.'
    )
    for fault in faults:
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["REQUIRE"]: {fault}', hint, {"key": "REQUIRE"})


def _bad_backups(given: object) -> Iterator[Problem]:
    found = given if isinstance(given, Mapping) else {}
    faults = [f"it has no key {key!r}" for key in found if key not in BACKUPS_KEYS]
    faults += ["it is no dict"] if not isinstance(given, Mapping) else []
    who, age = found.get("RECIPIENTS", ()), found.get("DRILL_NO_OLDER_THAN", 0)
    faults += [] if isinstance(who, list | tuple) and _is_list_of_names(who) else ["RECIPIENTS is no list of texts"]
    faults += [] if _is_duration(age) else [f"DRILL_NO_OLDER_THAN is {age!r}"]
    hint = 'Use for example: {"RECIPIENTS": ["age1…"], "DRILL_NO_OLDER_THAN": timedelta(days=8)}'
    for fault in faults:
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["BACKUPS"]: {fault}', hint, {"key": "BACKUPS"})


def _bad_litestream(given: object) -> Iterator[Problem]:
    found = given if isinstance(given, Mapping) else {}
    faults = [f"it has no key {key!r}" for key in found if key not in LITESTREAM_KEYS]
    faults += ["it is no dict"] if not isinstance(given, Mapping) else []
    faults += ["it has no REPLICA"] if found and "REPLICA" not in found else []
    paths = [key for key in ("SOCKET", "CONFIG") if not isinstance(found.get(key, ""), str | os.PathLike)]
    urls = [] if all(isinstance(one, str) and ":" in one for one in _values(found.get("REPLICA"))) else ["REPLICA"]
    times = [key for key in ("WAIT", "LAG") if not _is_duration(found.get(key, 0))]
    rest = [] if isinstance(found.get("OPTIONS", {}), Mapping) else ["OPTIONS"]
    rest += [] if _is_list_of_names(found.get("READ_REPLICAS", ())) else ["READ_REPLICAS"]
    faults += [f"{key} is {found[key]!r}" for key in (*paths, *urls, *times, *rest)]
    hint = 'Use for example: {"REPLICA": "s3://bucket/db", "SOCKET": "/run/litestream.sock", "WAIT": 5, "LAG": 60}.'
    for fault in faults:
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["LITESTREAM"]: {fault}', hint, {"key": "LITESTREAM"})


def _bad_needs(given: object) -> Iterator[Problem]:
    found = given if isinstance(given, Mapping) else {}
    faults = [f"it has no key {key!r}" for key in found if key not in NEEDS_KEYS]
    faults += ["it is no dict"] if not isinstance(given, Mapping) else []
    counts = [key for key in ("NODES", "SIGNALS") if key in found]
    faults += [f"{key} is {found[key]!r}" for key in counts if not _is_number(found[key]) or found[key] < 1]
    durations = [key for key in ("RECOVERY_POINT", "RECOVERY_TIME") if key in found]
    faults += [f"{key} is {found[key]!r}" for key in durations if not _is_duration(found[key])]
    if not isinstance(found.get("MANAGED_SERVICE", False), bool):
        faults.append(f"MANAGED_SERVICE is {found['MANAGED_SERVICE']!r}")
    hint = 'Use for example: {"NODES": 2, "RECOVERY_POINT": timedelta(seconds=1), "MANAGED_SERVICE": True}'
    for fault in faults:
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["NEEDS"]: {fault}', hint, {"key": "NEEDS"})


def _bad_tenants(given: object) -> Iterator[Problem]:
    found = given if isinstance(given, Mapping) else {}
    faults = [f"it has no key {key!r}" for key in found if key not in TENANTS_KEYS]
    faults += ["it is no dict"] if not isinstance(given, Mapping) else []
    faults += [f"it lacks {key}" for key in ("FOLDER", "APPS") if found and key not in found]
    entry, count = found.get("DATABASE", "tenant"), found.get("OPEN_FILES", 1)
    faults += [] if isinstance(entry, str) and entry not in ("", DEFAULT_DB_ALIAS) else [f"DATABASE is {entry!r}"]
    faults += [] if isinstance(found.get("FOLDER", ""), str | os.PathLike) else [f"FOLDER is {found['FOLDER']!r}"]
    faults += [
        f"{key} is no list of app labels" for key in ("APPS", "BOTH") if not _is_list_of_names(found.get(key, ()))
    ]
    faults += [] if (load := found.get("LOAD")) is None or callable(load) or _is_dotted(load) else [f"LOAD is {load!r}"]
    if not (callable(backups := found.get("BACKUPS", {})) or _is_dotted(backups)):
        faults += _bad_tenant_backups(backups)
    faults += [] if isinstance(count, int) and count >= 1 else [f"OPEN_FILES is {count!r}"]
    faults += [] if _names_tenants(found.get("REQUEST")) else [f"REQUEST is {found['REQUEST']!r}"]
    behind, other = found.get("BEHIND", BEHIND[0]), found.get("OTHER_HOST", 421)
    faults += [] if behind in BEHIND else [f"BEHIND is {behind!r}, none of {', '.join(BEHIND)}"]
    faults += [] if other in OTHER_HOST else [f"OTHER_HOST is {other!r}, none of {', '.join(map(str, OTHER_HOST))}"]
    faults += _bad_hosts(found.get("HOST", ""), found.get("HOSTS", {}), needs_url=other == 307)
    hint = (
        'Use for example: {"FOLDER": BASE_DIR / "tenants", "APPS": ["shop"], "REQUEST": {"subdomain": "example.com"}}'
    )
    for fault in faults:
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["TENANTS"]: {fault}', hint, {"key": "TENANTS"})


def _bad_hosts(host: object, given: object, *, needs_url: bool) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield "HOSTS is no dict"
        return
    for name, entry in given.items():
        if not isinstance(entry, Mapping):
            yield f"HOSTS[{name!r}] is {entry!r}"
            continue
        labels, url = entry.get("LABELS", {}), entry.get("URL", "")
        if not isinstance(name, str) or not re.fullmatch(HOST_NAME, name):
            yield f"HOSTS has {name!r}, which is no name of a host"
        yield from (f"HOSTS[{name!r}] has no key {key!r}" for key in entry if key not in HOST_KEYS)
        if not _is_number(entry.get("WEIGHT", 1)):
            yield f"WEIGHT of HOSTS[{name!r}] is {entry['WEIGHT']!r}"
        if not isinstance(labels, Mapping) or not _is_list_of_names([*labels, *labels.values()]):
            yield f"LABELS of HOSTS[{name!r}] are {labels!r}"
        if needs_url and not url:
            yield f"HOSTS[{name!r}] has no URL, which OTHER_HOST 307 needs"
        command = entry.get("RECEIVE", [])
        if not (isinstance(command, list | tuple) and _is_list_of_names(command)):
            yield f"RECEIVE of HOSTS[{name!r}] is {command!r}, no list of words"
        if not isinstance(url, str) or (url and not re.fullmatch(URL, url)):
            yield f"URL of HOSTS[{name!r}] is {url!r}"
    if not isinstance(host, str) or (host not in given if given else host != ""):
        yield f"HOST is {host!r}, and HOSTS has {', '.join(map(str, given)) or 'none'}"


def _names_tenants(given: object) -> bool:
    """True for a valid REQUEST of TENANTS: None, a function, its dotted path, or {kind: value}."""
    if isinstance(given, Mapping):
        kinds = ("subdomain", "path", "header")
        return len(given) == 1 and all(
            key in kinds and isinstance(value, str) and value for key, value in given.items()
        )
    return given is None or callable(given) or _is_dotted(given)


def _is_duration(given: object) -> bool:
    return (isinstance(given, timedelta) and given >= timedelta(0)) or _is_number(given)


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given < float("inf")


def _bad_connect(given: object) -> Iterator[Problem]:
    if given is not None and not callable(given) and not _is_dotted(given):
        hint = 'Use a function that accepts the connection, or its dotted path: "myapp.sqlite.connect".'
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["CONNECT"] is {given!r}', hint, {"key": "CONNECT"})


def _bad_extensions(given: object) -> Iterator[Problem]:
    if not isinstance(given, list | tuple) or not all(
        one and (isinstance(one, str | os.PathLike) or callable(one)) for one in given
    ):
        hint = 'Use a list of libraries and of functions that load one: ["mod_spatialite", "sqlite_vec.load"].'
        yield Problem(Code.UNKNOWN_SETTING, f'SCHEMASYNC["EXTENSIONS"] is {given!r}', hint, {"key": "EXTENSIONS"})


def _beside_manage() -> Path:
    script = Path(sys.argv[0]) if sys.argv else Path()
    if script.name == "manage.py":
        return script.resolve().parent
    return Path(getattr(settings, "BASE_DIR", Path.cwd()))
