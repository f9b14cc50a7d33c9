"""The number of files that a process keeps open is bounded."""

import gc
import threading
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.signals import request_finished
from django.db import connections, transaction

from schemasync.tenants import open_files, tenant
from tests.tenants.inside import new
from tests.tenants.shop.models import Author

MOST = 8  # as in the settings


def _open_in_system():
    gc.collect()  # an error keeps the connection that could not be opened
    found = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    return len({path for path in found if "/tenants/" in path and path.endswith(".sqlite3")})


def only_so_many_files_are_open_and_the_last_used_ones_stay():
    keys = [new(f"of {number}") for number in range(12)]
    for number, key in enumerate(keys):
        with tenant(key):
            assert Author.objects.get().name == f"of {number}"
    assert open_files.count() == _open_in_system() == MOST
    held = connections.held().by_alias
    assert [alias for alias, one in held.items() if one.connection] == [f"tenant:{key}" for key in keys[-MOST:]]
    with tenant(keys[-1]):
        ContentType.objects.get_for_model(Author)
    for key in keys:
        with tenant(key):
            Author.objects.get()
    assert f"tenant:{keys[0]}" not in ContentType.objects._cache


def a_file_that_is_read_around_the_line_stays_open():
    reading, others = new("ann", "bob"), [new() for _ in range(MOST + 2)]
    with tenant(reading):
        rows = Author.objects.order_by("id").iterator(chunk_size=1)
        assert next(rows).name == "ann"
        for key in others:
            with tenant(key):
                Author.objects.count()
        assert next(rows).name == "bob"
        rows.close()


def a_file_in_a_transaction_stays_open():
    writing, others = new(), [new() for _ in range(MOST + 2)]
    with tenant(writing):
        block = transaction.atomic()
        block.__enter__()
        Author.objects.create(name="in it")
    for key in others:
        with tenant(key):
            Author.objects.count()
    with tenant(writing):
        block.__exit__(None, None, None)
        assert Author.objects.get().name == "in it"


def files_of_other_threads_are_closed_by_them_and_those_of_ended_threads_at_once():
    keys = [new() for _ in range(MOST + 3)]
    go, opened, ended = threading.Event(), threading.Event(), threading.Event()

    def idle():
        for key in keys[:3]:
            with tenant(key):
                Author.objects.count()
        opened.set()
        go.wait(30)
        request_finished.send(None)
        found.append(sum(one.connection is not None for one in connections.held().by_alias.values()))
        ended.wait(30)

    found = []
    thread = threading.Thread(target=idle)
    connections.close_all()
    thread.start()
    opened.wait(30)
    for key in keys[3:]:
        with tenant(key):
            Author.objects.count()
        assert open_files.count() <= MOST
    go.set()
    while not found:
        pass
    ended.set()
    thread.join()
    assert found == [0]

    def short():
        for key in keys[:3]:
            with tenant(key):
                Author.objects.count()

    thread = threading.Thread(target=short)
    thread.start()
    thread.join()
    for key in keys:
        with tenant(key):
            Author.objects.count()
    assert open_files.count() <= MOST


def a_closed_file_is_opened_again():
    key = new("ann")
    with tenant(key):
        connections[f"tenant:{key}"].close()
        assert Author.objects.get().name == "ann"
        connections.close_all()
        assert Author.objects.get().name == "ann"


def a_connection_with_conn_max_age_0_ends_with_its_request():
    key = new("ann")
    with tenant(key):
        Author.objects.get()
        held = connections[f"tenant:{key}"]
        held.close_at = 0
    assert held.connection is not None
    request_finished.send(None)
    assert held.connection is None


def a_savepoint_of_one_tenant_is_none_of_another():
    first, second = new(), new()
    with tenant(first), transaction.atomic():
        with tenant(second):
            Author.objects.create(name="kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Author.objects.create(name="x")
            1 / 0  # noqa: B018
    with tenant(second):
        assert Author.objects.get().name == "kept"
    with tenant(first):
        assert not Author.objects.exists()
