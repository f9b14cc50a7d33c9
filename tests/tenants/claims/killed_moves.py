"""kill -9 before and after each step of a move, on either side: at most one host accepts writes, and a second call
completes the move."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from django.conf import settings
from django.test import Client

from schemasync.actions.database import Database
from schemasync.engines.sqlite.fence import read_fence
from schemasync.errors import SchemasyncError
from schemasync.files.disk import Disk
from schemasync.sync.run.limits import Limits
from schemasync.tenants import lookup, suspend_tenant, tenant
from schemasync.tenants.connection import TenantMoved
from schemasync.tenants.context import OtherHost
from schemasync.tenants.models import Tenant
from schemasync.tenants.moving.sender import move_tenant, undo_move
from schemasync.tenants.moving.sending import MoveLimits
from tests.crash.scenarios import KillAt
from tests.tenants.crashes import OPENS_AGAIN, RECEIVES, RECEIVES_AGAIN, SENDS
from tests.tenants.inside import new
from tests.tenants.shop.models import Author
from tests.tenants.two_hosts import FOLDER, forked, settings_of, the_south, was_killed

LIMITS = MoveLimits(120, Limits(120))  # on a busy machine, too, the first attempt succeeds
STATES = {"active": "moving", "suspended": "moving-suspended"}


def _points(passes):
    """Return the points of a kill: before each step, which is also after the step before it, and after the last one."""
    count = len(passes.split())
    return [*(("before", number) for number in range(count)), ("after", count - 1)]


def _tenant(state="active"):
    key = new("first")
    Tenant.objects.filter(key=key).update(host="north")
    if state == "suspended":
        suspend_tenant(key)
    return key


def _row(key):
    return Tenant.objects.filter(key=key).values_list("host", "state").get()


def _file(key, host):
    return (FOLDER / "south" if host == "south" else settings.SCHEMASYNC["TENANTS"]["FOLDER"]) / key / "db.sqlite3"


def _is_closed(key, host):
    with closing(sqlite3.connect(_file(key, host))) as connection:
        return read_fence(connection) is not None


def _names(key, host):
    with closing(sqlite3.connect(_file(key, host))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [name for (name,) in connection.execute("SELECT name FROM shop_author ORDER BY id")]


def _write(key, name):
    with tenant(key):
        Author.objects.create(name=name)


def _move(key, killed=("never", 0), *, receiving="never 0"):
    with settings_of("north", receiving):
        disk = Disk(KillAt(*killed)) if killed[0] != "never" else Disk()
        return move_tenant(Database("tenant"), key, "south", LIMITS, disk)


def _finish(key, state, point):
    """Assert that a second call completes the move with every row, also one written in between if that was possible."""
    host, written = _row(key)[0], ["first"]
    if host == "north":
        with settings_of("north"):
            if _is_closed(key, "north"):
                with pytest.raises(TenantMoved):
                    _write(key, "refused")
            else:
                _write(key, "between")
                written.append("between")
            expected = 503 if state == "suspended" or _is_closed(key, "north") else 200
            answer = Client().post("/write/", {"name": "asked"}, headers={"host": f"{key}.example.com"})
            assert answer.status_code == expected, (point, answer.status_code)
            written += ["asked"] * (expected == 200)
        _move(key)
    lookup._rows.clear()
    assert (_row(key), _is_closed(key, "north"), _is_closed(key, "south")) == (("south", state), True, False), point
    assert _names(key, "south") == written, point
    with settings_of("south"):
        _write(key, "there")
        answer = Client().post("/write/", {"name": "last"}, headers={"host": f"{key}.example.com"})
        assert answer.status_code == (503 if state == "suspended" else 200), point
    with settings_of("north"), pytest.raises(OtherHost):
        _write(key, "refused")
    Tenant.objects.filter(key=key).delete()


def _sending_sides_are_killed(state):
    with the_south():
        for point in _points(SENDS):
            key = _tenant(state)
            assert was_killed(forked(lambda key=key, point=point: _move(key, point))), point
            is_done = point[0] == "after"
            assert _row(key) == (("south", state) if is_done else ("north", STATES[state])), point
            _finish(key, state, point)
        for point in _points(OPENS_AGAIN):
            key = _tenant(state)
            assert was_killed(forked(lambda key=key: _move(key, ("before", SENDS.split().index("HOST:ROW")))))

            def undo(disk, key=key):
                with settings_of("north"):
                    undo_move(Database("tenant"), key, disk)

            assert was_killed(forked(lambda point=point, undo=undo: undo(Disk(KillAt(*point))))), point
            assert _row(key) == ("north", STATES[state])
            undo(Disk())
            assert (_row(key), _is_closed(key, "north")) == (("north", state), False)
            _finish(key, state, point)


def a_sending_side_that_is_killed_leaves_at_most_one_host_that_takes_writes():
    _sending_sides_are_killed("active")


def a_suspended_tenant_moves_and_stays_suspended_also_if_the_sending_side_is_killed():
    _sending_sides_are_killed("suspended")


def _receiving_sides_are_killed(points, state="active"):
    with the_south():
        for when, number in points:
            shutil.rmtree(FOLDER / "south", ignore_errors=True)
            key = _tenant(state)
            with pytest.raises(SchemasyncError, match="cannot be reached"):
                _move(key, receiving=f"{when} {number}")
            assert (_row(key), _is_closed(key, "north")) == (("north", state), False)
            _finish(key, state, (when, number))


def a_receiving_side_that_is_killed_before_it_has_the_copy_changes_nothing_where_the_tenant_is():
    points = _points(RECEIVES)
    _receiving_sides_are_killed(points[: len(points) // 2])


def a_receiving_side_that_is_killed_when_it_has_the_copy_changes_nothing_where_the_tenant_is():
    points = _points(RECEIVES)
    _receiving_sides_are_killed(points[len(points) // 2 :])


def a_receiving_side_that_is_killed_while_it_puts_an_old_folder_aside_changes_nothing_either():
    made = 2  # each move has created folders
    with the_south():
        for when, number in _points(RECEIVES_AGAIN)[-4:]:
            key = _tenant("suspended")
            _move(key)
            Tenant.objects.filter(key=key).update(host="north", state=STATES["suspended"])
            with settings_of("north"):
                undo_move(Database("tenant"), key)
            older = FOLDER / "south" / ".before" / key
            older.mkdir(parents=True)
            (older / "of long ago").touch()
            with pytest.raises(SchemasyncError, match="cannot be reached"):
                _move(key, receiving=f"{when} {number + made}")
            assert (_row(key), _is_closed(key, "north")) == (("north", "suspended"), False)
            _finish(key, "suspended", (when, number))
