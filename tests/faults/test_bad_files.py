"""Files that are no databases, are damaged, are not there, or may not be written: a clear error, and nothing lost."""

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
from tests.crash.processes import NOBODY, child, sqlite
from tests.crash.worlds import V1, V2, World, dump, fence_of, filled, notes, read, whole, write

GARBAGE = b"Dear diary, this is no database.\n" * 300


@pytest.fixture
def world(stages, tmp_path):
    """Generation 1 at version 1."""
    return stages("evolve").copy(tmp_path / "w")


def content(world):
    """Every name and every byte, but SQLite's shared memory."""
    return {
        str(path.relative_to(world.folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(world.folder.rglob("*"))
        if not path.name.endswith("-shm")
    }


def refused(world, act, code, *, exit_code, litter=frozenset(), user=None):
    """Run it in vain; the folder must be as it was, byte by byte, but for an empty folder to lock in."""
    before = content(world)
    trouble = child(act, user=user).refusal()
    assert trouble.codes == (code,), trouble
    assert trouble.exit_code == exit_code
    assert all(trouble.hints)
    after = {name: what for name, what in content(world).items() if name not in litter}
    assert after == before
    return trouble


def damage(path, page, data, offset=0):
    """Write over a page, as a bad disk does. The test's own process has no database open."""
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096 + offset)
        file.write(data)


def root_page(path, name):
    with sqlite(path) as connection:
        return connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]


# --- no database ------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_refused(tmp_path):
    world = World(tmp_path)
    world.link.write_bytes(GARBAGE)
    for act in (lambda: sync(world.target(), read(V1)), lambda: adopt(world.target(), None)):
        trouble = refused(world, act, "not-a-database", exit_code=3)
        assert str(world.link) in trouble.text


def test_a_generation_that_is_no_database_any_more_is_refused(world):
    world.files()[0].write_bytes(GARBAGE)
    refused(world, lambda: sync(world.target(), read(V2)), "not-a-database", exit_code=3)
    refused(world, lambda: rollback(world.target(), None, lambda ahead: True), "not-a-database", exit_code=3)


def test_a_damaged_header_is_refused(world):
    damage(world.files()[0], 1, b"\xff" * 100)
    refused(world, lambda: sync(world.target(), read(V2)), "not-a-database", exit_code=3)


def test_a_file_that_was_cut_off_is_refused(world):
    with world.files()[0].open("r+b") as file:
        file.truncate(3 * 4096)
    refused(world, lambda: sync(world.target(), read(V2)), "corrupt", exit_code=3)


def test_a_live_generation_that_is_empty_is_not_taken_for_a_new_database(world):
    """Somebody emptied it: a new one over it would look as if there had never been any rows."""
    world.files()[0].write_bytes(b"")
    for act in (lambda: sync(world.target(), read(V2)), lambda: rollback(world.target(), None, lambda ahead: True)):
        refused(world, act, "no-history", exit_code=6)


# --- damaged pages ----------------------------------------------------------------------------------------------


OPTIONS = {
    "live": SyncOptions(),
    "rebuild-all": SyncOptions(rebuild_all=True),
    "verify-full": SyncOptions(verify_full=True),
}


def damages():
    """Each damage of each table, in one kind of run; the other kinds, which read the same pages, are for --every."""
    for number, (table, how) in enumerate(itertools.product(["ledger", "people"], ["head", "cells", "rows"])):
        for at, kind in enumerate(OPTIONS):
            marks = [] if at == (number + number // 3) % 3 else [pytest.mark.slow]
            yield pytest.param(table, how, OPTIONS[kind], id=f"{table}-{how}-{kind}", marks=marks)


@pytest.mark.slow(but=["people-cells-verify-full", "ledger-head-live", "ledger-cells-rebuild-all"])
@pytest.mark.parametrize(("table", "how", "options"), list(damages()))
def test_a_damaged_page_of_a_table_that_is_written_again_stops_the_run(world, table, options, how):
    live = world.files()[0]
    at, data = {"head": (0, b"\x00" * 8), "cells": (8, b"\xff" * 6), "rows": (4040, b"\xff" * 56)}[how]
    damage(live, root_page(live, table), data, at)
    trouble = child(lambda: sync(world.target(), read(V2), options)).refusal()
    assert trouble.codes[0] in ("corrupt", "verify-impossible", "hazard"), trouble
    assert trouble.exit_code in (3, 4)
    assert [p.name for p in world.files()] == [live.name]
    assert fence_of(live) is None
    assert set(world.names()["generations"]) == {live.name, "lock"}


def test_a_damaged_page_of_a_table_that_is_kept_is_found_by_a_full_verification(world):
    live = world.files()[0]
    damage(live, root_page(live, "papers"), b"\x00" * 8)
    trouble = child(lambda: sync(world.target(), read(V2), SyncOptions(verify_full=True))).refusal()
    assert trouble.exit_code in (3, 4), trouble
    assert fence_of(live) is None
    assert set(world.names()["generations"]) == {live.name, "lock"}


def test_a_damaged_history_is_refused(world):
    live = world.files()[0]
    damage(live, root_page(live, "_schema_versions"), b"\x00" * 8)
    trouble = refused(world, lambda: sync(world.target(), read(V2)), "corrupt", exit_code=3)
    assert "recover" in "".join(trouble.hints)


def test_a_damaged_archive_stops_no_run_but_its_own_way_back(stages, tmp_path):
    world = stages("fresh").copy(tmp_path / "w")
    archive = world.files()[0]
    archive.write_bytes(GARBAGE)
    assert child(lambda: sync(world.target(), read(V2), SyncOptions(rebuild_all=True))).result().result == "synced"
    trouble = child(lambda: rollback(world.target(), "1", lambda ahead: True)).refusal()
    assert trouble.codes == ("not-a-database",)
    assert archive.name in trouble.text
    assert fence_of(world.link) is None
    assert write(world.link, "goes on") is None


def test_an_archive_that_is_damaged_inside_is_not_gone_back_to_half(stages, tmp_path):
    """The live file is closed only when the other one is known to open."""
    world = stages("fresh").copy(tmp_path / "w")
    archive = world.files()[0]
    damage(archive, root_page(archive, "_schema_versions"), b"\x00" * 8)
    ended = child(lambda: rollback(world.target(), "1", lambda ahead: True))
    assert ended.refusal().codes == ("corrupt",), ended
    assert fence_of(world.link) is None
    assert write(world.link, "goes on") is None


# --- missing ----------------------------------------------------------------------------------------------------


def test_no_database_is_nothing_to_take_over(tmp_path):
    world = World(tmp_path)
    refused(world, lambda: adopt(world.target(), None), "no-database", exit_code=3)


def test_no_folder_for_the_database_is_named(tmp_path):
    world = World(tmp_path / "not" / "there")
    trouble = child(lambda: sync(world.target(), read(V1))).refusal()
    assert trouble.exit_code in (3, 4)
    assert str(world.folder) in trouble.text
    assert not world.folder.exists()


def test_a_folder_at_the_database_s_place_is_refused(tmp_path):
    world = World(tmp_path)
    world.link.mkdir()
    refused(world, lambda: sync(world.target(), read(V1)), "foreign-link", exit_code=3)


# --- not allowed ------------------------------------------------------------------------------------------------


@pytest.fixture
def locked_folder():
    """A folder, owned by the user that runs the test, that others may only read."""
    folder = Path(tempfile.mkdtemp(prefix="schemasync-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def forbid(world, *, folder, files):
    """Take the right to write from everybody else, or, where the test does not run as root, from itself."""
    mine = os.geteuid() == 0
    for path in (world.folder, world.layout.folder):
        if path.is_dir():
            path.chmod((0o755 if mine else 0o555) if folder else 0o777)
    for path in world.layout.folder.iterdir() if world.layout.folder.is_dir() else [world.link]:
        path.chmod((0o644 if mine else 0o444) if files else 0o666)


@pytest.mark.parametrize(("folder", "files"), [(True, True), (True, False), (False, True)])
def test_what_may_not_be_written_is_refused_and_left(locked_folder, folder, files):
    world = filled(locked_folder / "w")
    forbid(world, folder=folder, files=files)
    trouble = refused(world, lambda: sync(world.target(), read(V2)), "permission", exit_code=ANY, user=NOBODY)
    assert ("let the user that runs it write to the folder" if folder and not files else "must be able to") in "".join(
        trouble.hints
    )
    forbid(world, folder=False, files=False)
    assert world.sync(V2).result == "synced"


@pytest.mark.parametrize(("folder", "files"), [(True, True), (True, False), (False, True)])
def test_what_may_not_be_written_is_not_taken_over(stages, locked_folder, folder, files):
    world = stages("adopt_journal").copy(locked_folder / "w")
    world.folder.chmod(0o755)
    forbid(world, folder=folder, files=files)
    refused(
        world,
        lambda: adopt(world.target(), None),
        "permission",
        exit_code=ANY,
        user=NOBODY,
        litter={"db.sqlite3.generations", "db.sqlite3.generations/lock"},
    )
    assert world.layout.path_kind() is PathKind.PLAIN


def test_a_first_run_in_a_folder_that_may_not_be_written_is_refused(locked_folder):
    world = World(locked_folder)
    forbid(world, folder=True, files=False) if os.geteuid() else None
    refused(world, lambda: sync(world.target(), read(V1)), "permission", exit_code=ANY, user=NOBODY)


def test_a_file_that_may_not_even_be_read_is_refused(locked_folder):
    world = filled(locked_folder / "w")
    forbid(world, folder=False, files=False)
    world.files()[0].chmod(0)
    if os.geteuid() == 0:
        trouble = child(lambda: sync(world.target(), read(V2)), user=NOBODY).refusal()
        assert trouble.codes == ("permission",)


class _Any:
    def __eq__(self, other):
        return other in (3, 4)

    __hash__ = None


ANY = _Any()


def test_after_all_that_a_healthy_database_is_healthy(world):
    """The tests above would pass with a run that always refuses."""
    assert world.sync(V2).result == "synced"
    assert whole(world.link)
    assert dump(world.link)["rows"]["people"]
    assert notes(world.link) == {"first", "second", "third"}
