"""Files that are not databases, are damaged, are missing or may not be written: a clear error, and nothing is lost."""

import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from schemasync.files.layout import PathKind
from schemasync.sync.adopt import adopt
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from tests.crash.databases import V1, V2, SampleDatabase, dump, fence_of, filled, notes, read, whole, write
from tests.crash.processes import NOBODY, child, sqlite

GARBAGE = b"Dear diary, this is no database.\n" * 300


@pytest.fixture
def database(prepare, tmp_path):
    """Generation 1 at version 1."""
    return prepare("evolve").copy(tmp_path / "w")


def content(database):
    """Return the bytes of every file by its path, None for folders, without SQLite's shared memory."""
    return {
        str(path.relative_to(database.folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(database.folder.rglob("*"))
        if not path.name.endswith("-shm")
    }


def refused(database, act, code, *, exit_code, litter=frozenset(), user=None):
    """Check that `act` is refused with this code, and leaves the folder unchanged byte by byte, except for `litter`."""
    before = content(database)
    trouble = child(act, user=user).refusal()
    assert trouble.codes == (code,), trouble
    assert trouble.exit_code == exit_code
    assert all(trouble.hints)
    after = {name: what for name, what in content(database).items() if name not in litter}
    assert after == before
    return trouble


def damage(path, page, data, offset=0):
    """Overwrite a part of a page, as a bad disk does. The test's own process has no database open."""
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + offset)
        file.write(data)


def root_page(path, name):
    with sqlite(path) as connection:
        return connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]


# --- no database ------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused(tmp_path):
    database = SampleDatabase(tmp_path)
    database.link.write_bytes(GARBAGE)
    for act in (lambda: sync(database.target(), read(V1)), lambda: adopt(database.target(), None)):
        trouble = refused(database, act, "not-a-database", exit_code=3)
        assert str(database.link) in trouble.text


def test_a_generation_that_is_no_database_any_more_is_refused(database):
    database.files()[0].write_bytes(GARBAGE)
    refused(database, lambda: sync(database.target(), read(V2)), "not-a-database", exit_code=3)
    refused(database, lambda: rollback(database.target(), None, lambda ahead: True), "not-a-database", exit_code=3)


def test_a_damaged_header_is_refused(database):
    damage(database.files()[0], 1, b"\xff" * 100)
    refused(database, lambda: sync(database.target(), read(V2)), "not-a-database", exit_code=3)


def test_a_file_that_was_cut_off_is_refused(database):
    with database.files()[0].open("r+b") as file:
        file.truncate(3 * 4096)
    refused(database, lambda: sync(database.target(), read(V2)), "corrupt", exit_code=3)


def test_a_live_generation_that_is_empty_is_not_taken_for_a_new_database(database):
    """Somebody emptied the file. A new database over it would look as if there had never been any rows."""
    database.files()[0].write_bytes(b"")
    for act in (
        lambda: sync(database.target(), read(V2)),
        lambda: rollback(database.target(), None, lambda ahead: True),
    ):
        refused(database, act, "no-history", exit_code=6)


# --- damaged pages ----------------------------------------------------------------------------------------------


OPTIONS = {
    "live": SyncOptions(),
    "rebuild-all": SyncOptions(rebuild_all=True),
    "verify-full": SyncOptions(verify_full=True),
}


def damages():
    """Yield each damage of each table for each kind of run. The gate has one kind each, as all read the same pages."""
    for number, (table, how) in enumerate(itertools.product(["ledger", "people"], ["head", "cells", "rows"])):
        for at, kind in enumerate(OPTIONS):
            marks = [] if at == (number + number // 3) % 3 else [pytest.mark.slow]
            yield pytest.param(table, how, OPTIONS[kind], id=f"{table}-{how}-{kind}", marks=marks)


@pytest.mark.slow(but=["people-cells-verify-full", "ledger-head-live", "ledger-cells-rebuild-all"])
@pytest.mark.parametrize(("table", "how", "options"), list(damages()))
def test_a_damaged_page_of_a_table_that_is_written_again_stops_the_run(database, table, options, how):
    live = database.files()[0]
    at, data = {"head": (0, b"\x00" * 8), "cells": (8, b"\xff" * 6), "rows": (4040, b"\xff" * 56)}[how]
    damage(live, root_page(live, table), data, at)
    trouble = child(lambda: sync(database.target(), read(V2), options)).refusal()
    assert trouble.codes[0] in ("corrupt", "verify-impossible", "hazard"), trouble
    assert trouble.exit_code in (3, 4)
    assert [p.name for p in database.files()] == [live.name]
    assert fence_of(live) is None
    assert set(database.names()["generations"]) == {live.name, "lock"}


def test_a_damaged_page_of_a_table_that_is_kept_is_found_by_a_full_verification(database):
    live = database.files()[0]
    damage(live, root_page(live, "papers"), b"\x00" * 8)
    trouble = child(lambda: sync(database.target(), read(V2), SyncOptions(verify_full=True))).refusal()
    assert trouble.exit_code in (3, 4), trouble
    assert fence_of(live) is None
    assert set(database.names()["generations"]) == {live.name, "lock"}


def test_a_damaged_history_is_refused(database):
    live = database.files()[0]
    damage(live, root_page(live, "_schema_versions"), b"\x00" * 8)
    trouble = refused(database, lambda: sync(database.target(), read(V2)), "corrupt", exit_code=3)
    assert "recover" in "".join(trouble.hints)


def test_a_damaged_archive_stops_no_run_but_its_own_way_back(prepare, tmp_path):
    database = prepare("fresh").copy(tmp_path / "w")
    archive = database.files()[0]
    archive.write_bytes(GARBAGE)
    assert child(lambda: sync(database.target(), read(V2), SyncOptions(rebuild_all=True))).result().result == "synced"
    trouble = child(lambda: rollback(database.target(), "1", lambda ahead: True)).refusal()
    assert trouble.codes == ("not-a-database",)
    assert archive.name in trouble.text
    assert fence_of(database.link) is None
    assert write(database.link, "goes on") is None


def test_an_archive_that_is_damaged_inside_is_not_gone_back_to_half(prepare, tmp_path):
    """A rollback closes the live file only after it has opened the other one."""
    database = prepare("fresh").copy(tmp_path / "w")
    archive = database.files()[0]
    damage(archive, root_page(archive, "_schema_versions"), b"\x00" * 8)
    ended = child(lambda: rollback(database.target(), "1", lambda ahead: True))
    assert ended.refusal().codes == ("corrupt",), ended
    assert fence_of(database.link) is None
    assert write(database.link, "goes on") is None


# --- missing ----------------------------------------------------------------------------------------------------


def test_no_database_is_nothing_to_take_over(tmp_path):
    database = SampleDatabase(tmp_path)
    refused(database, lambda: adopt(database.target(), None), "no-database", exit_code=3)


def test_no_folder_for_the_database_is_named(tmp_path):
    database = SampleDatabase(tmp_path / "not" / "there")
    trouble = child(lambda: sync(database.target(), read(V1))).refusal()
    assert trouble.exit_code in (3, 4)
    assert str(database.folder) in trouble.text
    assert not database.folder.exists()


def test_a_folder_at_the_database_s_place_is_refused(tmp_path):
    database = SampleDatabase(tmp_path)
    database.link.mkdir()
    refused(database, lambda: sync(database.target(), read(V1)), "foreign-link", exit_code=3)


# --- not allowed ------------------------------------------------------------------------------------------------


@pytest.fixture
def locked_folder():
    """A folder that belongs to the user who runs the test, and that others may only read."""
    folder = Path(tempfile.mkdtemp(prefix="schemasync-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def forbid(database, *, folder, files):
    """Remove the permission to write from other users, or from the test itself if it does not run as root."""
    mine = os.geteuid() == 0
    for path in (database.folder, database.layout.folder):
        if path.is_dir():
            path.chmod((0o755 if mine else 0o555) if folder else 0o777)
    for path in database.layout.folder.iterdir() if database.layout.folder.is_dir() else [database.link]:
        path.chmod((0o644 if mine else 0o444) if files else 0o666)


@pytest.mark.parametrize(("folder", "files"), [(True, True), (True, False), (False, True)])
def test_what_may_not_be_written_is_refused_and_left(locked_folder, folder, files):
    database = filled(locked_folder / "w")
    forbid(database, folder=folder, files=files)
    trouble = refused(database, lambda: sync(database.target(), read(V2)), "permission", exit_code=ANY, user=NOBODY)
    assert ("let the user that runs it write to the folder" if folder and not files else "must be able to") in "".join(
        trouble.hints
    )
    forbid(database, folder=False, files=False)
    assert database.sync(V2).result == "synced"


@pytest.mark.parametrize(("folder", "files"), [(True, True), (True, False), (False, True)])
def test_what_may_not_be_written_is_not_taken_over(prepare, locked_folder, folder, files):
    database = prepare("adopt_journal").copy(locked_folder / "w")
    database.folder.chmod(0o755)
    forbid(database, folder=folder, files=files)
    refused(
        database,
        lambda: adopt(database.target(), None),
        "permission",
        exit_code=ANY,
        user=NOBODY,
        litter={"db.sqlite3.generations", "db.sqlite3.generations/lock"},
    )
    assert database.layout.path_kind() is PathKind.PLAIN


def test_a_first_run_in_a_folder_that_may_not_be_written_is_refused(locked_folder):
    database = SampleDatabase(locked_folder)
    forbid(database, folder=True, files=False) if os.geteuid() else None
    refused(database, lambda: sync(database.target(), read(V1)), "permission", exit_code=ANY, user=NOBODY)


def test_a_file_that_may_not_even_be_read_is_refused(locked_folder):
    database = filled(locked_folder / "w")
    forbid(database, folder=False, files=False)
    database.files()[0].chmod(0)
    if os.geteuid() == 0:
        trouble = child(lambda: sync(database.target(), read(V2)), user=NOBODY).refusal()
        assert trouble.codes == ("permission",)


class _Any:
    def __eq__(self, other):
        return other in (3, 4)

    __hash__ = None


ANY = _Any()


def test_after_all_that_a_healthy_database_is_healthy(database):
    """The tests above would pass with a run that always refuses."""
    assert database.sync(V2).result == "synced"
    assert whole(database.link)
    assert dump(database.link)["rows"]["people"]
    assert notes(database.link) == {"first", "second", "third"}
