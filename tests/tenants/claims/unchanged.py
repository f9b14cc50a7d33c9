"""A sync of all tenants does not open the file of a current tenant again, as long as none of its files has changed."""

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from schemasync import api
from schemasync.actions.database import Database
from schemasync.files.disk import Disk
from schemasync.tenants import delete_tenant, tenant
from schemasync.tenants.fleet import standing, unchanged
from schemasync.tenants.fleet.each import FleetOptions
from schemasync.tenants.fleet.run import sync_tenants
from schemasync.tenants.models import Tenant
from schemasync.tenants.paths import path_of
from schemasync.tenants.settings import tenant_settings
from tests.crash.scenarios import KillAt
from tests.tenants.inside import new
from tests.tenants.two_hosts import forked, was_killed


@contextmanager
def _noted():
    """Yield the keys of the tenants whose files are opened; recent times of files count as settled."""
    opened, tick, original = [], unchanged.TICK, standing.standing
    unchanged.TICK = -60
    standing.standing = lambda asked, key, path: (opened.append(key), original(asked, key, path))[1]
    try:
        yield opened
    finally:
        unchanged.TICK, standing.standing = tick, original


def _sync(disk=None):
    return sync_tenants(Database("tenant"), FleetOptions(), lambda one, number: None, disk)


def _by_hand(key, sql):
    with closing(sqlite3.connect(path_of(key).resolve(), isolation_level=None)) as connection:
        connection.executescript(sql)


def _copied_over(key):
    """Replace the file by one with the same bytes and times, as `cp -p` and a restore do."""
    path = path_of(key).resolve()
    with TemporaryDirectory() as folder:
        shutil.copy2(path, Path(folder, "copy"))
        Path(folder, "copy").replace(path)


def _overwritten(key):
    """Change bytes of the file, and restore its time of modification."""
    path = path_of(key).resolve()
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(60)  # the user version
        file.write(b"\0\0\0\7")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _strange(key):
    return path_of(key).with_name("db.sqlite3.generations") / "0009-00000000000a.sqlite3"


def _left_over(key):
    return _strange(key).with_name("0009-00000000000a.sqlite3.building")


def _rebuilt(key):
    with tenant(key):
        api.sync(database="tenant", rebuild_all=True)


CHANGES = {
    "a row": lambda key: _by_hand(key, "INSERT INTO shop_author (name) VALUES ('x')"),
    "a definition": lambda key: _by_hand(key, "CREATE INDEX i ON shop_author (name); DROP INDEX i"),
    "a copy in its place": _copied_over,
    "bytes": _overwritten,
    "a generation beside it": lambda key: _strange(key).touch(),
    "what a killed run left": lambda key: _left_over(key).touch(),
    "a rebuilt file": _rebuilt,
    "the machine": lambda key: unchanged.BOOT.write_text("another"),
    "what is remembered": lambda key: (tenant_settings().folder / unchanged.NAME).write_text('{"known": 3'),
}


def a_file_is_opened_again_after_any_change_and_only_then():
    Tenant.objects.all().delete()
    keys = [new("ann") for _ in range(2)]
    boot = unchanged.BOOT
    with _noted() as opened, TemporaryDirectory() as folder:
        unchanged.BOOT = Path(folder, "boot")
        unchanged.BOOT.write_text("this one")
        try:
            for what, change in CHANGES.items():
                for _ in range(2):  # the first sync may be the last to close a file, and empty its log
                    _sync()
                opened.clear()
                found = _sync()
                assert found.current == 2, (what, found)
                assert opened == [], what
                change(keys[0])
                _sync()
                assert keys[0] in opened, what
                for path in (_strange(keys[0]), _left_over(keys[0])):
                    path.unlink(missing_ok=True)
        finally:
            unchanged.BOOT = boot
        for key in keys:
            delete_tenant(key, confirm=key)


def a_file_that_was_written_a_moment_ago_is_opened_again():
    """A later write could get the same time."""
    Tenant.objects.all().delete()
    key = new("ann")
    for _ in range(2):
        assert _sync().current == 1
        remembered = tenant_settings().folder / unchanged.NAME  # missing if nothing was recorded
    assert not remembered.exists() or key not in json.loads(remembered.read_bytes())["known"]
    delete_tenant(key, confirm=key)


def a_sync_that_is_killed_while_it_remembers_them_is_repeated():
    Tenant.objects.all().delete()
    key = new("ann")
    with _noted() as opened:
        for when in ("before", "after"):
            (tenant_settings().folder / unchanged.NAME).unlink(missing_ok=True)
            assert was_killed(forked(lambda when=when: _sync(Disk(KillAt(when, 0)))))
            assert _sync().current == 1
            assert opened == ([key] if when == "before" else []), when
            opened.clear()
    delete_tenant(key, confirm=key)
