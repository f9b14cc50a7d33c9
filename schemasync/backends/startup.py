"""Checks at the first connection of a server or worker whether the database is current."""

from __future__ import annotations

import io
import logging
import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS
from django.db.utils import OperationalError

from .. import conf, databases, process
from ..conf import OnStartup
from ..engines.sqlite.connection import Opener
from ..errors import SchemasyncError
from ..files.layout import Layout, PathKind
from ..files.read_file import read_file
from ..orm.models_fingerprint import models_stamp
from ..orm.transforms import stamp
from ..schema.text import short
from ..sync import up_to_date

if TYPE_CHECKING:
    from ..schema.document import Document
    from ..sync.check import Checked

PATIENCE = 3600.0  # seconds that a worker waits for another one that builds: longer than any build takes

logger = logging.getLogger("schemasync")


class NotCurrent(OperationalError):
    """The database is not current, and ON_STARTUP forbids using it."""


class _Looks:
    """The checks that this process has made, one for each database; a forked child inherits the results of its
    parent."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.done: set[Path] = set()
        self.is_looking = False
        self.failed: dict[Path, SchemasyncError] = {}


_looks = _Looks()


def look(alias: str, path: Path) -> None:
    """Do what ON_STARTUP says, once per process. Raises NotCurrent, and again at each connection until the database is
    current.

    Does nothing in tests, and in management commands that do not serve.
    """
    if path in _looks.done:
        return
    with _looks.lock:  # other threads wait here until the check is done
        if path in _looks.done or _looks.is_looking:  # the check itself opens connections, too
            return
        _looks.is_looking = True
        try:
            if process.is_serving(conf.serving_commands()) and (wanted := conf.on_startup()) is not OnStartup.IGNORE:
                _compare(alias, path, wanted)
            if process.is_serving(conf.serving_commands()) and conf.litestream():
                _replicate(alias, path)
            _looks.done.add(path)
        finally:
            _looks.is_looking = False


def _replicate(alias: str, path: Path) -> None:
    """Let Litestream follow the live file, if it is used: a run may have died between its swap and the registration."""
    from ..files.disk import Disk
    from ..keep.litestream.settings import litestream

    if (found := litestream(alias)) is not None and Layout(path.absolute()).folder.is_dir():
        for line in found.follow(Layout(path.absolute()), Disk()):
            logger.warning("%s", line)


def _compare(alias: str, path: Path, wanted: OnStartup) -> None:
    layout, schema = Layout(path.absolute()), conf.schema_path(alias)
    if layout.path_kind() is not PathKind.GENERATION and not (schema.exists() or databases.has_schema(alias)):
        return  # there is nothing to compare it with
    if layout.path_kind() is PathKind.PLAIN and not schema.exists():
        return  # it is not adopted yet
    try:
        if not _is_current(alias, layout, schema):
            _slow_path(alias, layout, schema, wanted)
    except OSError as error:
        if layout.path_kind() is PathKind.NOTHING and conf.is_enabled():
            what = f"there is no database at {layout.link} yet, and no {schema}"
            _report(what, "To write both from the models: manage.py migrate", wanted, error)
        else:
            _report(f"{schema}: {error.strerror}", "See: manage.py schemasync check", wanted, error)


def _is_current(alias: str, layout: Layout, schema: Path) -> bool:
    """Return True if one small read shows that there is nothing to do."""
    data = read_file(schema)
    try:
        data += stamp(alias)
    except SchemasyncError:
        return False  # the full check reports it
    return up_to_date.current(layout, databases.opener(alias), data, models_stamp()) is not None


def _slow_path(alias: str, layout: Layout, schema: Path, wanted: OnStartup) -> None:
    # imported here: most servers find the database current, and do not need these modules
    from ..orm.with_transforms import with_transforms
    from ..schema import document

    try:
        read = with_transforms(alias, document.read(read_file(schema), str(schema)))
        if wanted is OnStartup.SYNC and layout.link not in _looks.failed:
            _sync(alias, layout, read)
            return
        differs, hint = _difference(alias, layout, databases.opener(alias), read, schema)
    except SchemasyncError as error:
        if wanted is OnStartup.SYNC:
            _looks.failed.setdefault(layout.link, error)  # one try per process: requests must not queue for another one
        _report(str(error), "", wanted, error)
        return
    if differs:
        before = _looks.failed.get(layout.link)
        _report(differs, str(before) if before else hint, wanted, before)


def _sync(alias: str, layout: Layout, read: Document) -> None:
    from ..keep.litestream.settings import litestream
    from ..orm.adopting import adopted_by_itself
    from ..orm.health import health_check
    from ..orm.migrate import sync_as_migrate
    from ..orm.requirements import requirements
    from ..sync.phases.decide import SyncOptions
    from ..sync.run.target import Target
    from ..sync.runner import sync

    target = Target(
        layout,
        databases.opener(alias),
        wait=PATIENCE,
        keep=conf.keep(),
        actor=databases.actor(),
        requirements=requirements(alias),
        health=health_check(alias),
        replication=litestream(alias),
    )
    adopted_by_itself(alias, target, read)
    if conf.is_enabled():
        done = sync_as_migrate(alias, target, read, SyncOptions(), io.StringIO(), verbosity=0)
    else:
        done = sync(target, read)
    if done.result != "current":
        logger.warning("%s is live: version %s", done.generation, short(done.version))


def _difference(alias: str, layout: Layout, opener: Opener, read: Document, schema: Path) -> tuple[str, str]:
    """Return (the difference from schema.json, a hint), each a phrase; ('', '') if there is no difference."""
    from ..sync import check
    from ..sync.run.target import Target

    seen = check.check(Target(layout, opener), read, tries=False)
    if seen.drift:
        return f"{layout.link} was changed by hand: {', '.join(seen.drift)}", "See: manage.py schemasync check"
    if not seen.differs(strict=False):
        return _pending(alias)
    if seen.refused:
        return seen.refused[0].message, seen.refused[0].hint
    if seen.live_version == seen.version and (left := _left(seen)):
        return f"{layout.link}: {left}", f"To sync it: {_command(alias)}"
    live = f"is version {short(seen.live_version)}" if seen.live_version else "is no version yet"
    differs = f"{layout.link} {live}, and {schema} is version {short(seen.version)}"
    return differs, f"To sync it: {_command(alias)}"


def _command(alias: str) -> str:
    """Return the command that syncs a database."""
    if conf.OF_TENANT in alias:
        return f"manage.py schemasync --tenant {shlex.quote(conf.key_of(alias))}"
    of = "" if alias == DEFAULT_DB_ALIAS else f" --database {shlex.quote(alias)}"
    return f"manage.py schemasync{of}"


def _left(seen: Checked) -> str:
    """Return, in a phrase, the remaining work of a sync if the database has the version of schema.json already."""
    from ..diff.changes import shortened

    found = [f"the transform {name} has not acted" for name in seen.pending_transforms]
    found += [f"the rows of {name} are not written yet" for name in seen.unwritten_rows]
    return shortened([*found, *(f"{name} was never run" for name in seen.unapplied)])


def _pending(alias: str) -> tuple[str, str]:
    """Return the migrations of MIGRATED_APPS that were not run, like `_difference`."""
    from ..diff.changes import shortened
    from ..orm.pending_migrations import waiting
    from ..schema.text import count

    late = waiting(alias) if conf.is_enabled() and conf.migrated_apps() else []
    if not late:
        return "", ""
    return f"{count(len(late), 'migration')} not run yet: {shortened(late)}", "To run them: manage.py migrate"


def _report(what: str, hint: str, wanted: OnStartup, cause: BaseException | None) -> None:
    text = "\n  ".join(filter(None, (what, *hint.splitlines())))
    if wanted is OnStartup.WARN:
        logger.warning("%s", text)
    else:
        raise NotCurrent(text) from cause
