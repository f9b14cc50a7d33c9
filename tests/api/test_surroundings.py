"""Calls of schemasync.api inside a transaction, in a thread, in an event loop, and in another language."""

import asyncio
import subprocess
import sys
import threading

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, transaction
from django.utils import translation

from schemasync import api
from schemasync.errors import Busy, Code
from tests.support.processes import environment
from tests.support.project import V2

CHANGES = {
    "sync": lambda: api.sync(),
    "in place": lambda: api.sync(in_place=True),
    "rollback": lambda: api.rollback(),
    "adopt": lambda: api.adopt(),
}
READS = {
    "plan": lambda: api.plan(),
    "check": lambda: api.check(),
    "status": lambda: api.status(),
    "health": lambda: api.health(),
    "history": lambda: api.history(),
    "rollback": lambda: api.rollback(dry_run=True),
    "prune": lambda: api.prune(older_than=0),
    "snapshot": lambda: api.snapshot(f"{connection.settings_dict['NAME']}.copy"),
    "inspect": lambda: api.inspect("0001"),
}


def insert(name):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO Log (what) VALUES (%s)", [name])


@pytest.mark.parametrize("call", CHANGES.values(), ids=CHANGES)
def test_in_a_transaction_a_change_is_refused_and_the_transaction_goes_on(evolved, call):
    with transaction.atomic():
        insert("first")
        with pytest.raises(Busy, match=r"transaction\.atomic") as caught:
            call()
        assert caught.value.code is Code.DATABASE_LOCKED
        insert("second")
    assert evolved.rows("SELECT what FROM Log ORDER BY id") == [("begun",), ("first",), ("second",)]


@pytest.mark.parametrize("call", CHANGES.values(), ids=CHANGES)
def test_a_transaction_without_autocommit_is_not_rolled_back(evolved, call):
    transaction.set_autocommit(False)
    try:
        insert("first")
        with pytest.raises(Busy, match="Commit") as caught:
            call()
        assert caught.value.code is Code.DATABASE_LOCKED
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert evolved.rows("SELECT what FROM Log ORDER BY id") == [("begun",), ("first",)]


@pytest.mark.parametrize("call", READS.values(), ids=READS)
def test_in_a_transaction_what_swaps_no_file_works(evolved, call):
    with transaction.atomic():
        insert("first")
        assert call()["errors"] == []
        insert("second")
    assert evolved.rows("SELECT count(*) FROM Log") == [(3,)]


def test_a_sync_in_a_thread_waits_for_a_transaction_of_another_one(synced):
    """Each thread has its own connection, so the two do not deadlock."""
    synced.write(V2)
    before, found = synced.live(), []

    def sync(wait):
        try:
            found.append(api.sync(wait=wait, block_writers=True))
        except Busy as error:
            found.append(error)

    def in_thread(wait):
        thread = threading.Thread(target=sync, args=(wait,))
        thread.start()
        return thread

    with transaction.atomic():
        insert("written before the swap")
        in_thread(0.1).join(30)
        assert isinstance(found.pop(), Busy)
        assert synced.live() == before
        waiting = in_thread(30)
        waiting.join(0.3)
        assert found == []
    waiting.join(30)
    assert found[0]["result"] == "synced"
    assert synced.rows("SELECT what FROM Log ORDER BY id") == [("begun",), ("written before the swap",)]


@pytest.mark.parametrize(
    "call", [*CHANGES.values(), *READS.values()], ids=[*CHANGES, *(f"{name} only" for name in READS)]
)
def test_in_an_event_loop_each_call_is_refused_as_django_refuses_queries(evolved, call):
    before = evolved.live()

    async def view():
        with pytest.raises(SynchronousOnlyOperation, match="use a thread or sync_to_async"):
            call()

    asyncio.run(view())
    assert evolved.live() == before


def test_a_view_that_is_a_coroutine_syncs_by_sync_to_async(synced, sync_to_async_thread):
    synced.write(V2)

    async def view():
        return await sync_to_async(api.sync)()

    assert asyncio.run(view())["generation"] == synced.live()


def test_files_and_rows_get_the_same_text_in_every_language(synced):
    synced.write(V2)
    languages = set()
    with translation.override("de"):
        api.sync(progress=lambda event: languages.add(translation.get_language()))
        assert translation.get_language() == "de"
    assert languages == {None}


def test_the_module_may_be_imported_before_django_is_set_up(tmp_path):
    code = (
        "from schemasync import api; from django.conf import settings; assert not settings.configured; print(api.sync)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
