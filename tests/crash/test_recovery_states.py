"""Recovery of each state in the table of docs/design/recovery.md, one state a test.

The tests make every state by hand. A second recovery never finds anything more to do.
"""

import os
import shutil
import threading
import time
from contextlib import closing

import pytest

from schemasync.engines.sqlite import fence, history_table
from schemasync.engines.sqlite.fence import Fence
from schemasync.files import lock
from schemasync.files.layout import PathKind
from schemasync.sync.recovery import recover
from schemasync.sync.run import live_database, live_file
from schemasync.sync.runner import sync

from .databases import (
    V2,
    dump,
    fence_of,
    history,
    is_marked,
    notes,
    point,
    read,
    recovery,
    tamper,
    traces,
    whole,
    write,
)
from .processes import child, sqlite


@pytest.fixture
def database(prepare, tmp_path):
    """Generation 2 is live, generation 1 is its closed archive."""
    return prepare("fresh").copy(tmp_path / "w")


@pytest.fixture
def one(prepare, tmp_path):
    """Generation 1 is live, and the only one."""
    return prepare("evolve").copy(tmp_path / "w")


@pytest.fixture
def plain(prepare, tmp_path):
    """A plain file that was never adopted."""
    return prepare("adopt_journal").copy(tmp_path / "w")


def path(database, number):
    return database.files()[number - 1]


def close(path, swap, successor):
    tamper(path, lambda connection: fence.raise_fence(connection, Fence(swap, successor, "2026-01-01T00:00:00.000Z")))


def reopen(path):
    tamper(path, fence.lower_fence)


def mark(path):
    tamper(path, fence.mark)


def repaired(database, live):
    """Recover, check the result, and return what was repaired. `live` is the number of the live generation."""
    done = database.recovered()
    assert database.recovered() == (), "a second recovery finds something to do"
    assert database.layout.path_kind() is PathKind.GENERATION
    assert database.layout.live().number == live
    assert os.fspath(database.link.readlink()).startswith(database.layout.folder.name + "/")
    assert traces(database.link) == []
    assert history(database.link)[-1].generation == database.layout.live().name
    assert write(database.link, "after") is None
    for file in database.files():
        assert whole(file)
        assert (fence_of(file) is None) == (file == database.layout.live().path)
        assert not is_marked(file)
    assert database.layout.next_links() == ()
    return done


def refused(database, kind, code, exit_code):
    """Check that recovery refuses and changes nothing, and return the error."""
    before = fingerprint(database)
    trouble = child(lambda: recovery(database.target())).refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == (kind, (code,), exit_code)
    assert fingerprint(database) == before
    assert all(trouble.hints)
    return trouble


def fingerprint(database):
    """Return the targets of all links and the bytes of all files, by path, except for `-shm` files and the lock."""
    found = {}
    for path in database.folder.rglob("*"):
        if path.name.endswith("-shm") or path.name == "lock":
            continue
        if path.is_symlink():
            found[path] = path.readlink()
        elif path.is_file():
            found[path] = path.read_bytes()
    return found


# --- nothing to do ----------------------------------------------------------------------------------------------


def test_a_healthy_database_is_left_alone(database):
    before = fingerprint(database)
    assert repaired(database, live=2) == ()
    assert {k: v for k, v in fingerprint(database).items() if "0002" not in k.name} == {
        k: v for k, v in before.items() if "0002" not in k.name
    }


def test_no_database_at_all_is_no_fault(tmp_path, database):
    shutil.rmtree(database.layout.folder)
    database.link.unlink()
    assert database.recovered() == ()
    assert database.layout.path_kind() is PathKind.NOTHING


def test_a_plain_file_is_left_alone(plain):
    before = plain.link.read_bytes()
    assert plain.recovered() == ()
    assert plain.link.read_bytes() == before


# --- files under construction -----------------------------------------------------------------------------------


def test_a_building_file_is_removed_with_its_side_files(database):
    name = database.layout.folder / "0003-abcabcabcabc.sqlite3.building"
    for suffix in ("", "-wal", "-shm", "-journal"):
        name.with_name(name.name + suffix).write_bytes(b"half")
    assert len(repaired(database, live=2)) == 1
    assert database.names()["generations"] == sorted([path(database, 1).name, path(database, 2).name, "lock"])


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_side_file_without_its_file_is_removed(database, suffix):
    """A power loss may keep one name and not the other; SQLite would apply that log to the next file of this name."""
    name = database.layout.folder / f"0003-abcabcabcabc.sqlite3.building{suffix}"
    plain = database.layout.plain.with_name(database.layout.plain.name + suffix)
    name.write_bytes(b"half")
    plain.write_bytes(b"half")
    assert len(repaired(database, live=2)) == 2
    assert not name.exists()
    assert not plain.exists()


def test_a_marked_file_that_no_fence_names_is_removed(database):
    litter = database.layout.folder / "0003-abcabcabcabc.sqlite3"
    shutil.copy(path(database, 2), litter)
    mark(litter)
    assert len(repaired(database, live=2)) == 1
    assert not litter.exists()


def test_a_file_of_another_name_is_nobody_s_business(database):
    others = ["backup.sqlite3", "0003-abc.sqlite3", "0003-abcabcabcabc.sqlite3.bak", "README"]
    for name in others:
        (database.layout.folder / name).write_bytes(b"mine")
    assert repaired(database, live=2) == ()
    assert set(others) < set(database.names()["generations"])


# --- the live file is closed ------------------------------------------------------------------------------------


def test_a_swap_whose_successor_is_still_marked_is_finished(database):
    point(database, path(database, 1).name)
    mark(path(database, 2))
    assert repaired(database, live=2)


def test_a_swap_whose_link_did_not_move_is_finished(database):
    point(database, path(database, 1).name)
    assert repaired(database, live=2)


def test_a_swap_back_whose_target_is_still_closed_is_finished_with_its_history(database):
    closed = fence_of(path(database, 1))
    close(path(database, 2), closed.swap + 1, path(database, 1).stem)
    assert repaired(database, live=1)
    rows = history(database.link)
    assert [row.action for row in rows] == ["sync", "sync", "rollback"]
    assert rows[-1].previous == path(database, 2).stem
    assert rows[-1].version == rows[0].version
    assert rows[-1].schema == rows[0].schema
    nothing_was_built = ("{}", 0, 0, 0)
    assert (rows[-1].plan, rows[-1].rows, rows[-1].duration_ms, rows[-1].pause_ms) == nothing_was_built


def test_a_swap_back_whose_target_is_open_again_is_finished(database):
    closed = fence_of(path(database, 1))
    close(path(database, 2), closed.swap + 1, path(database, 1).stem)
    child(lambda: _restore(database)).result()
    assert write(path(database, 1), "a stale connection finds it open") is None
    assert repaired(database, live=1)
    assert "a stale connection finds it open" in notes(database.link)


def _restore(database):
    """Reopen generation 1 with a row for the rollback, as a rollback does."""
    from schemasync.sync.phases.cutover import reopen
    from schemasync.sync.recovery import with_rollback

    target, rows = database.target(), history(path(database, 2))
    generation = database.layout.generations()[0]
    with closing(target.opener.write(generation.path)) as connection:
        reopen(target, connection, with_rollback(rows, generation, "2026-01-01T00:00:00.000Z", "test", "0"))


def test_two_files_that_each_name_the_other_as_newer_are_for_a_person(database):
    """The live file's fence is the older one: somebody restored a backup."""
    close(path(database, 1), 9, path(database, 2).stem)
    close(path(database, 2), 5, path(database, 1).stem)
    trouble = refused(database, "NeedsPerson", "state-unknown", 6)
    assert path(database, 1).stem in trouble.text
    assert "9" in trouble.text
    assert "5" in trouble.text


def test_a_live_file_that_names_itself_is_for_a_person(database):
    close(path(database, 2), 9, path(database, 2).stem)
    refused(database, "NeedsPerson", "state-unknown", 6)


def test_a_closed_successor_that_the_history_does_not_know_is_for_a_person(database):
    """Somebody put a file of another database there."""
    shutil.copy(path(database, 1), database.layout.folder / "0003-abcabcabcabc.sqlite3")
    close(path(database, 2), 9, "0003-abcabcabcabc")
    trouble = refused(database, "NeedsPerson", "state-unknown", 6)
    assert "0003-abcabcabcabc" in trouble.text


def test_a_missing_successor_is_for_a_person(database):
    point(database, path(database, 1).name)
    path(database, 2).unlink()
    trouble = refused(database, "NeedsPerson", "successor-missing", 6)
    assert "not there" in trouble.text
    assert path(database, 1).name.removesuffix(".sqlite3") in "\n".join(trouble.hints)


def leaving(database):
    """Close generation 2 in favour of a plain file, which is in the folder."""
    database.layout.plain.write_bytes(path(database, 2).read_bytes())
    tamper(database.layout.plain, history_table.drop)
    close(path(database, 2), 9, "plain")


def test_an_eject_that_was_cut_off_is_finished(database):
    leaving(database)
    assert database.recovered() == ("finished an interrupted eject: db.sqlite3 is a plain file",)
    assert database.recovered() == ()
    assert database.layout.path_kind() is PathKind.PLAIN
    assert write(database.link, "after") is None
    assert not database.layout.plain.exists()


def test_a_plain_file_that_is_missing_is_for_a_person(database):
    leaving(database)
    database.layout.plain.unlink()
    trouble = refused(database, "NeedsPerson", "successor-missing", 6)
    assert "superseded by plain" in trouble.text


def test_a_plain_file_that_no_fence_names_is_removed(database):
    database.layout.plain.write_bytes(b"half of it")
    assert "never replaced the link" in "\n".join(repaired(database, 2))
    assert not database.layout.plain.exists()


def test_a_copy_of_what_was_left_put_over_the_plain_file_is_for_a_person(database):
    leaving(database)
    database.recovered()
    database.link.write_bytes(path(database, 2).read_bytes())
    refused(database, "NeedsPerson", "state-unknown", 6)


def test_an_unreadable_successor_is_for_a_person(database):
    point(database, path(database, 1).name)
    path(database, 2).write_bytes(b"this is no database, whatever it was" * 100)
    trouble = refused(database, "NeedsPerson", "successor-missing", 6)
    assert "cannot be read" in trouble.text


def test_an_unreadable_live_file_is_refused_and_nothing_is_removed(database):
    litter = database.layout.folder / "0003-abcabcabcabc.sqlite3"
    shutil.copy(path(database, 2), litter)
    mark(litter)
    path(database, 2).write_bytes(b"this is no database, whatever it was" * 100)
    refused(database, "Refused", "not-a-database", 3)


# --- archives ---------------------------------------------------------------------------------------------------


def test_an_archive_without_a_fence_is_closed_again(database):
    reopen(path(database, 1))
    assert write(path(database, 1), "into the archive") is None
    assert len(repaired(database, live=2)) == 1
    assert fence_of(path(database, 1)) == Fence(0, path(database, 2).stem, "")
    assert "superseded" in write(path(database, 1), "into the archive again")
    assert "into the archive" in notes(path(database, 1))


def test_an_archive_that_cannot_be_read_holds_nothing_up(database):
    third = database.layout.folder / "0000-abcabcabcabc.sqlite3"
    third.write_bytes(b"rotten" * 1000)
    assert database.recovered() == ()
    report = child(lambda: sync(database.target(), read(V2 | {"more": {"id": "INTEGER PRIMARY KEY"}}))).result()
    assert report.result == "synced"
    assert database.recovered() == ()
    assert third.read_bytes() == b"rotten" * 1000


# --- no link, or a broken one -----------------------------------------------------------------------------------


def test_a_missing_link_with_one_open_generation_is_made_again(database):
    database.link.unlink()
    done = repaired(database, live=2)
    assert "missing" in done[0]


def test_a_missing_link_after_a_first_run_that_was_cut_off_is_made(one):
    one.link.unlink()
    repaired(one, live=1)


def test_a_missing_link_and_only_marked_files_mean_that_there_was_never_a_database(one):
    one.link.unlink()
    mark(path(one, 1))
    assert len(one.recovered()) == 1
    assert one.files() == []
    assert one.layout.path_kind() is PathKind.NOTHING


def test_a_missing_link_beside_a_marked_file_is_made_to_the_open_one(database):
    litter = database.layout.folder / "0003-abcabcabcabc.sqlite3"
    shutil.copy(path(database, 2), litter)
    mark(litter)
    database.link.unlink()
    repaired(database, live=2)
    assert not litter.exists()


def test_a_missing_link_with_two_open_generations_is_for_a_person(database):
    reopen(path(database, 1))
    database.link.unlink()
    trouble = refused(database, "NeedsPerson", "state-unknown", 6)
    for file in database.files():
        assert file.stem in trouble.text


def test_a_missing_link_beside_a_file_that_cannot_be_read_is_for_a_person(database):
    """The unreadable file may have been live."""
    path(database, 2).write_bytes(b"this is no database, whatever it was" * 100)
    reopen(path(database, 1))
    database.link.unlink()
    refused(database, "NeedsPerson", "state-unknown", 6)


def test_a_missing_link_with_none_open_is_for_a_person(database):
    close(path(database, 2), 9, path(database, 1).stem)
    database.link.unlink()
    refused(database, "NeedsPerson", "state-unknown", 6)


def test_a_missing_link_in_the_middle_of_a_swap_leaves_the_marked_successor(database):
    """The old file is closed and names the new one, which holds all rows; the link is missing too."""
    mark(path(database, 2))
    database.link.unlink()
    trouble = refused(database, "NeedsPerson", "state-unknown", 6)
    assert path(database, 2).stem in trouble.text


def test_a_dangling_link_is_for_a_person(database):
    path(database, 2).unlink()
    trouble = refused(database, "NeedsPerson", "generation-missing", 6)
    assert path(database, 1).name in trouble.text
    assert not database.link.exists()


def test_an_absolute_link_into_the_folder_is_a_link_to_a_generation(database):
    database.link.unlink()
    database.link.symlink_to(path(database, 2))
    assert database.recovered() == ()
    assert database.layout.live().number == 2


def test_a_database_that_moved_with_its_folder_works(database, tmp_path):
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    moved = type(database)(elsewhere)
    for item in database.folder.iterdir():
        shutil.move(item, elsewhere / item.name)
    repaired(moved, live=2)
    report = child(lambda: sync(moved.target(), read(V2))).result()
    assert report.result == "current"


# --- something else in place of the link ------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["other.sqlite3", "db.sqlite3.generations/backup.sqlite3", "/nowhere/else.sqlite3"])
def test_a_link_to_something_foreign_is_left_alone_with_all_files(database, target):
    for name in ("other.sqlite3", "db.sqlite3.generations/backup.sqlite3"):
        shutil.copy(path(database, 1), database.folder / name)
    mark(path(database, 2))
    database.link.unlink()
    database.link.symlink_to(target)
    before = fingerprint(database)
    assert database.recovered() == ()
    assert fingerprint(database) == before
    trouble = child(lambda: sync(database.target(), read(V2))).refusal()
    assert (trouble.kind, trouble.codes) == ("Refused", ("foreign-link",))
    assert fingerprint(database) == before


def test_a_folder_over_the_link_s_place_is_left_alone(database):
    database.link.unlink()
    database.link.mkdir()
    assert database.recovered() == ()
    trouble = child(lambda: sync(database.target(), read(V2))).refusal()
    assert trouble.codes == ("foreign-link",)


def test_a_link_to_a_building_file_is_left_alone(database):
    """Only a person makes such a link, and recovery removes no file that the link names."""
    building = path(database, 2).name + ".building"
    shutil.copy(path(database, 2), database.layout.folder / building)
    point(database, building)
    assert database.recovered() == ()
    assert (database.layout.folder / building).exists()
    assert child(lambda: sync(database.target(), read(V2))).refusal().codes == ("foreign-link",)


def test_a_plain_file_over_the_link_s_place_is_never_replaced(database):
    database.link.unlink()
    with sqlite(database.link, mode="rwc") as connection:
        connection.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("INSERT INTO ledger (note) VALUES ('put here by hand')")
    before = fingerprint(database)
    assert database.recovered() == ()
    trouble = child(lambda: sync(database.target(), read(V2))).refusal()
    assert trouble.codes == ("not-adopted",)
    assert fingerprint(database) == before


def test_a_plain_file_put_in_the_middle_of_a_swap_does_not_cost_the_successor(database):
    """The old file is closed and names a marked one. A file put over the link does not undo that."""
    mark(path(database, 2))
    database.link.unlink()
    with sqlite(database.link, mode="rwc") as connection:
        connection.execute("CREATE TABLE note (x)")
    assert database.recovered() == ()
    assert len(database.files()) == 2
    point(database, path(database, 1).name)
    repaired(database, live=2)


def test_a_copy_of_an_archive_over_the_link_s_place_is_never_replaced(database):
    """The copy is closed and names an existing generation, like the original of an adoption, but is none."""
    database.link.unlink()
    shutil.copy(path(database, 1), database.link)
    before = fingerprint(database)
    trouble = refused(database, "NeedsPerson", "state-unknown", 6)
    assert "copy" in trouble.text
    assert fingerprint(database) == before


def test_an_archive_copied_over_the_live_file_is_for_a_person(database):
    """cp follows the link, so the live generation now has the content of the archive."""
    path(database, 2).write_bytes(path(database, 1).read_bytes())
    refused(database, "NeedsPerson", "state-unknown", 6)


def test_a_plain_file_whose_adoption_was_cut_off_is_replaced_by_its_copy(plain, prepare, tmp_path):
    whole_run = prepare("adopt_journal")
    for marked in (True, False):
        database = whole_run.copy(tmp_path / str(marked))
        child(lambda database=database: whole_run.scenario.act(database.target())).result()
        name = database.files()[0].name
        expected = dump(database.link)
        database.link.unlink()
        shutil.copy(plain.link, database.link)
        close(database.link, 1, name.removesuffix(".sqlite3"))
        if marked:
            mark(database.files()[0])
        repaired(database, live=1)
        assert dump(database.link)["rows"]["people"] == expected["rows"]["people"]


# --- readers and runs at the same time --------------------------------------------------------------------------


def test_reading_says_that_a_swap_was_cut_off_and_changes_nothing(database):
    point(database, path(database, 1).name)
    before = fingerprint(database)

    def look():
        with live_database.read(database.layout, database.target().opener):
            pass

    trouble = child(look).refusal()
    assert (trouble.kind, trouble.codes) == ("Refused", ("swap-unfinished",))
    assert fingerprint(database) == before


def read_beside(database, meanwhile, monkeypatch):
    """Return how a reader ends that calls `meanwhile` after it reads the link and before it looks at the file."""

    def look():
        resolved = live_file.inode_of

        def then(path):
            monkeypatch.setattr(live_file, "inode_of", resolved)
            meanwhile()
            return resolved(path)

        monkeypatch.setattr(live_file, "inode_of", then)
        with live_database.read(database.layout, database.target().opener) as now:
            return now.generation.name

    return child(look)


def test_a_reader_beside_a_whole_swap_finds_the_file_that_is_live_then(one, monkeypatch):
    before = one.files()
    found = read_beside(one, lambda: sync(one.target(), read(V2)), monkeypatch).result()
    assert found == one.files()[-1].stem and len(before) == 1 and len(one.files()) == 2


def test_a_reader_waits_for_a_run_between_its_fence_and_the_move_of_the_link(database, monkeypatch):
    live = path(database, 2).name
    point(database, path(database, 1).name)
    at_work = threading.Event()

    def run():
        with lock.run_lock(database.layout.lock, 0):
            at_work.set()
            time.sleep(0.2)
            point(database, live)

    def meanwhile():
        threading.Thread(target=run).start()
        at_work.wait()

    assert read_beside(database, meanwhile, monkeypatch).result() == live.removesuffix(".sqlite3")


def test_a_reader_does_not_wait_for_ever(database, monkeypatch):
    point(database, path(database, 1).name)
    monkeypatch.setattr(live_file, "SWAP_TIME", 0.05)

    def look():
        with lock.run_lock(database.layout.lock, 0), live_database.read(database.layout, database.target().opener):
            pass

    trouble = child(look).refusal()
    assert trouble.codes == ("swap-unfinished",) and trouble.hints == ("Try again in a moment.",)


def test_a_sync_repairs_before_it_looks(database):
    point(database, path(database, 1).name)
    mark(path(database, 2))
    report = child(lambda: sync(database.target(), read(V2))).result()
    assert report.result == "current"
    repaired(database, live=2)


def test_a_sync_that_is_current_still_removes_what_a_dead_run_left(database):
    building = database.layout.folder / "0003-abcabcabcabc.sqlite3.building"
    building.write_bytes(b"half")
    marked = database.layout.folder / "0004-abcabcabcabc.sqlite3"
    shutil.copy(path(database, 2), marked)
    mark(marked)
    assert child(lambda: sync(database.target(), read(V2))).result().result == "current"
    assert not building.exists()
    assert not marked.exists()


def test_two_recoveries_at_once_do_it_once(database):
    from .processes import Child

    point(database, path(database, 1).name)
    mark(path(database, 2))
    both = [Child(lambda: recovery(database.target())) for _ in range(2)]
    done = sorted(len(one.ended().result()) for one in both)
    assert done == [0, 1]
    repaired(database, live=2)


def test_recovery_tells_what_it_did(database):
    reported = []

    class Listener:
        def note(self, text):
            reported.append(text)

    point(database, path(database, 1).name)

    def work():
        target = database.target(progress=Listener())
        with target.locked():
            recover(target)
        return reported

    assert child(work).result() == [f"finished an interrupted swap: {path(database, 2).stem} is live"]


def test_the_history_row_of_a_repaired_rollback_is_announced_once(database):
    """A crash after the restored file was opened again must not add a second row."""
    closed = fence_of(path(database, 1))
    close(path(database, 2), closed.swap + 1, path(database, 1).stem)
    child(lambda: _restore(database)).result()
    repaired(database, live=1)
    assert [row.action for row in history(database.link)].count("rollback") == 1
