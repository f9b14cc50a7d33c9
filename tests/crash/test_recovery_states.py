"""What recovery finds on the disk, one state a test, and what it does about it (the table of docs/design/recovery.md).

Every state is made by hand; a second recovery never finds anything more to do.
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

from .processes import child, sqlite
from .worlds import (
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


@pytest.fixture
def world(stages, tmp_path):
    """Generation 2 is live, generation 1 is its closed archive."""
    return stages("fresh").copy(tmp_path / "w")


@pytest.fixture
def one(stages, tmp_path):
    """Generation 1 is live, and the only one."""
    return stages("evolve").copy(tmp_path / "w")


@pytest.fixture
def plain(stages, tmp_path):
    """A plain file that was never taken over."""
    return stages("adopt_journal").copy(tmp_path / "w")


def path(world, number):
    return world.files()[number - 1]


def close(path, swap, successor):
    tamper(path, lambda connection: fence.raise_fence(connection, Fence(swap, successor, "2026-01-01T00:00:00.000Z")))


def reopen(path):
    tamper(path, fence.lower_fence)


def mark(path):
    tamper(path, fence.mark)


def repaired(world, live):
    """Recover, and be sure that it is done: `live` is the number of the live generation afterwards."""
    done = world.recovered()
    assert world.recovered() == (), "a second recovery finds something to do"
    assert world.layout.path_kind() is PathKind.GENERATION
    assert world.layout.live().number == live
    assert os.fspath(world.link.readlink()).startswith(world.layout.folder.name + "/")
    assert traces(world.link) == []
    assert history(world.link)[-1].generation == world.layout.live().name
    assert write(world.link, "after") is None
    for file in world.files():
        assert whole(file)
        assert (fence_of(file) is None) == (file == world.layout.live().path)
        assert not is_marked(file)
    assert world.layout.next_links() == ()
    return done


def refused(world, kind, code, exit_code):
    """Recover in vain; return what it says, and be sure that it touched nothing."""
    before = fingerprint(world)
    trouble = child(lambda: recovery(world.target())).refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == (kind, (code,), exit_code)
    assert fingerprint(world) == before
    assert all(trouble.hints)
    return trouble


def fingerprint(world):
    """All names, what the link says, and the bytes of all files but SQLite's index of the log."""
    found = {}
    for path in world.folder.rglob("*"):
        if path.name.endswith("-shm") or path.name == "lock":
            continue
        if path.is_symlink():
            found[path] = path.readlink()
        elif path.is_file():
            found[path] = path.read_bytes()
    return found


# --- nothing to do ----------------------------------------------------------------------------------------------


def test_a_healthy_database_is_left_alone(world):
    before = fingerprint(world)
    assert repaired(world, live=2) == ()
    assert {k: v for k, v in fingerprint(world).items() if "0002" not in k.name} == {
        k: v for k, v in before.items() if "0002" not in k.name
    }


def test_no_database_at_all_is_no_fault(tmp_path, world):
    shutil.rmtree(world.layout.folder)
    world.link.unlink()
    assert world.recovered() == ()
    assert world.layout.path_kind() is PathKind.NOTHING


def test_a_plain_file_is_left_alone(plain):
    before = plain.link.read_bytes()
    assert plain.recovered() == ()
    assert plain.link.read_bytes() == before


# --- files under construction -----------------------------------------------------------------------------------


def test_a_building_file_is_removed_with_its_side_files(world):
    name = world.layout.folder / "0003-abcabcabcabc.sqlite3.building"
    for suffix in ("", "-wal", "-shm", "-journal"):
        name.with_name(name.name + suffix).write_bytes(b"half")
    assert len(repaired(world, live=2)) == 1
    assert world.names()["generations"] == sorted([path(world, 1).name, path(world, 2).name, "lock"])


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_side_file_without_its_file_is_removed(world, suffix):
    """A power loss may keep one name and not the other; SQLite would replay that log into the next file of the name."""
    name = world.layout.folder / f"0003-abcabcabcabc.sqlite3.building{suffix}"
    plain = world.layout.plain.with_name(world.layout.plain.name + suffix)
    name.write_bytes(b"half")
    plain.write_bytes(b"half")
    assert len(repaired(world, live=2)) == 2
    assert not name.exists()
    assert not plain.exists()


def test_a_marked_file_that_no_fence_names_is_removed(world):
    litter = world.layout.folder / "0003-abcabcabcabc.sqlite3"
    shutil.copy(path(world, 2), litter)
    mark(litter)
    assert len(repaired(world, live=2)) == 1
    assert not litter.exists()


def test_a_file_of_another_name_is_nobody_s_business(world):
    others = ["backup.sqlite3", "0003-abc.sqlite3", "0003-abcabcabcabc.sqlite3.bak", "README"]
    for name in others:
        (world.layout.folder / name).write_bytes(b"mine")
    assert repaired(world, live=2) == ()
    assert set(others) < set(world.names()["generations"])


# --- the live file is closed ------------------------------------------------------------------------------------


def test_a_swap_whose_successor_is_still_marked_is_finished(world):
    point(world, path(world, 1).name)
    mark(path(world, 2))
    assert repaired(world, live=2)


def test_a_swap_whose_link_did_not_move_is_finished(world):
    point(world, path(world, 1).name)
    assert repaired(world, live=2)


def test_a_swap_back_whose_target_is_still_closed_is_finished_with_its_history(world):
    closed = fence_of(path(world, 1))
    close(path(world, 2), closed.swap + 1, path(world, 1).stem)
    assert repaired(world, live=1)
    rows = history(world.link)
    assert [row.action for row in rows] == ["sync", "sync", "rollback"]
    assert rows[-1].previous == path(world, 2).stem
    assert rows[-1].version == rows[0].version
    assert rows[-1].schema == rows[0].schema
    nothing_was_built = ("{}", 0, 0, 0)
    assert (rows[-1].plan, rows[-1].rows, rows[-1].duration_ms, rows[-1].pause_ms) == nothing_was_built


def test_a_swap_back_whose_target_is_open_again_is_finished(world):
    closed = fence_of(path(world, 1))
    close(path(world, 2), closed.swap + 1, path(world, 1).stem)
    child(lambda: _restore(world)).result()
    assert write(path(world, 1), "a stale connection finds it open") is None
    assert repaired(world, live=1)
    assert "a stale connection finds it open" in notes(world.link)


def _restore(world):
    """What a rollback writes into the file that it goes back to."""
    from schemasync.sync.phases.cutover import reopen
    from schemasync.sync.recovery import with_rollback

    target, rows = world.target(), history(path(world, 2))
    generation = world.layout.generations()[0]
    with closing(target.opener.write(generation.path)) as connection:
        reopen(target, connection, with_rollback(rows, generation, "2026-01-01T00:00:00.000Z", "test", "0"))


def test_two_files_that_each_name_the_other_as_newer_are_for_a_person(world):
    """The live file's fence is the older one: some backup was put back."""
    close(path(world, 1), 9, path(world, 2).stem)
    close(path(world, 2), 5, path(world, 1).stem)
    trouble = refused(world, "NeedsPerson", "state-unknown", 6)
    assert path(world, 1).stem in trouble.text
    assert "9" in trouble.text
    assert "5" in trouble.text


def test_a_live_file_that_names_itself_is_for_a_person(world):
    close(path(world, 2), 9, path(world, 2).stem)
    refused(world, "NeedsPerson", "state-unknown", 6)


def test_a_closed_successor_that_the_history_does_not_know_is_for_a_person(world):
    """Some other database's file was put there."""
    shutil.copy(path(world, 1), world.layout.folder / "0003-abcabcabcabc.sqlite3")
    close(path(world, 2), 9, "0003-abcabcabcabc")
    trouble = refused(world, "NeedsPerson", "state-unknown", 6)
    assert "0003-abcabcabcabc" in trouble.text


def test_a_missing_successor_is_for_a_person(world):
    point(world, path(world, 1).name)
    path(world, 2).unlink()
    trouble = refused(world, "NeedsPerson", "successor-missing", 6)
    assert "not there" in trouble.text
    assert path(world, 1).name.removesuffix(".sqlite3") in "\n".join(trouble.hints)


def leaving(world):
    """Generation 2 is closed in favour of a plain file, which stands in the folder."""
    world.layout.plain.write_bytes(path(world, 2).read_bytes())
    tamper(world.layout.plain, history_table.drop)
    close(path(world, 2), 9, "plain")


def test_an_eject_that_was_cut_off_is_finished(world):
    leaving(world)
    assert world.recovered() == ("finished an interrupted eject: db.sqlite3 is a plain file",)
    assert world.recovered() == ()
    assert world.layout.path_kind() is PathKind.PLAIN
    assert write(world.link, "after") is None
    assert not world.layout.plain.exists()


def test_a_plain_file_that_is_missing_is_for_a_person(world):
    leaving(world)
    world.layout.plain.unlink()
    trouble = refused(world, "NeedsPerson", "successor-missing", 6)
    assert "superseded by plain" in trouble.text


def test_a_plain_file_that_no_fence_names_is_removed(world):
    world.layout.plain.write_bytes(b"half of it")
    assert "never replaced the link" in "\n".join(repaired(world, 2))
    assert not world.layout.plain.exists()


def test_a_copy_of_what_was_left_put_over_the_plain_file_is_for_a_person(world):
    leaving(world)
    world.recovered()
    world.link.write_bytes(path(world, 2).read_bytes())
    refused(world, "NeedsPerson", "state-unknown", 6)


def test_an_unreadable_successor_is_for_a_person(world):
    point(world, path(world, 1).name)
    path(world, 2).write_bytes(b"this is no database, whatever it was" * 100)
    trouble = refused(world, "NeedsPerson", "successor-missing", 6)
    assert "cannot be read" in trouble.text


def test_an_unreadable_live_file_is_refused_and_nothing_is_removed(world):
    litter = world.layout.folder / "0003-abcabcabcabc.sqlite3"
    shutil.copy(path(world, 2), litter)
    mark(litter)
    path(world, 2).write_bytes(b"this is no database, whatever it was" * 100)
    refused(world, "Refused", "not-a-database", 3)


# --- archives ---------------------------------------------------------------------------------------------------


def test_an_archive_without_a_fence_is_closed_again(world):
    reopen(path(world, 1))
    assert write(path(world, 1), "into the archive") is None
    assert len(repaired(world, live=2)) == 1
    assert fence_of(path(world, 1)) == Fence(0, path(world, 2).stem, "")
    assert "superseded" in write(path(world, 1), "into the archive again")
    assert "into the archive" in notes(path(world, 1))


def test_an_archive_that_cannot_be_read_holds_nothing_up(world):
    third = world.layout.folder / "0000-abcabcabcabc.sqlite3"
    third.write_bytes(b"rotten" * 1000)
    assert world.recovered() == ()
    report = child(lambda: sync(world.target(), read(V2 | {"more": {"id": "INTEGER PRIMARY KEY"}}))).result()
    assert report.result == "synced"
    assert world.recovered() == ()
    assert third.read_bytes() == b"rotten" * 1000


# --- no link, or a broken one -----------------------------------------------------------------------------------


def test_a_missing_link_with_one_open_generation_is_made_again(world):
    world.link.unlink()
    done = repaired(world, live=2)
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


def test_a_missing_link_beside_a_marked_file_is_made_to_the_open_one(world):
    litter = world.layout.folder / "0003-abcabcabcabc.sqlite3"
    shutil.copy(path(world, 2), litter)
    mark(litter)
    world.link.unlink()
    repaired(world, live=2)
    assert not litter.exists()


def test_a_missing_link_with_two_open_generations_is_for_a_person(world):
    reopen(path(world, 1))
    world.link.unlink()
    trouble = refused(world, "NeedsPerson", "state-unknown", 6)
    for file in world.files():
        assert file.stem in trouble.text


def test_a_missing_link_beside_a_file_that_cannot_be_read_is_for_a_person(world):
    """That one may have been live."""
    path(world, 2).write_bytes(b"this is no database, whatever it was" * 100)
    reopen(path(world, 1))
    world.link.unlink()
    refused(world, "NeedsPerson", "state-unknown", 6)


def test_a_missing_link_with_none_open_is_for_a_person(world):
    close(path(world, 2), 9, path(world, 1).stem)
    world.link.unlink()
    refused(world, "NeedsPerson", "state-unknown", 6)


def test_a_missing_link_in_the_middle_of_a_swap_leaves_the_marked_successor(world):
    """The old file is closed and names the new one, which holds all there is; the link is gone besides."""
    mark(path(world, 2))
    world.link.unlink()
    trouble = refused(world, "NeedsPerson", "state-unknown", 6)
    assert path(world, 2).stem in trouble.text


def test_a_dangling_link_is_for_a_person(world):
    path(world, 2).unlink()
    trouble = refused(world, "NeedsPerson", "generation-missing", 6)
    assert path(world, 1).name in trouble.text
    assert not world.link.exists()


def test_an_absolute_link_into_the_folder_is_a_link_to_a_generation(world):
    world.link.unlink()
    world.link.symlink_to(path(world, 2))
    assert world.recovered() == ()
    assert world.layout.live().number == 2


def test_a_database_that_moved_with_its_folder_works(world, tmp_path):
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    moved = type(world)(elsewhere)
    for item in world.folder.iterdir():
        shutil.move(item, elsewhere / item.name)
    repaired(moved, live=2)
    report = child(lambda: sync(moved.target(), read(V2))).result()
    assert report.result == "current"


# --- something else stands there --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["other.sqlite3", "db.sqlite3.generations/backup.sqlite3", "/nowhere/else.sqlite3"])
def test_a_link_to_something_foreign_is_left_alone_with_all_files(world, target):
    for name in ("other.sqlite3", "db.sqlite3.generations/backup.sqlite3"):
        shutil.copy(path(world, 1), world.folder / name)
    mark(path(world, 2))
    world.link.unlink()
    world.link.symlink_to(target)
    before = fingerprint(world)
    assert world.recovered() == ()
    assert fingerprint(world) == before
    trouble = child(lambda: sync(world.target(), read(V2))).refusal()
    assert (trouble.kind, trouble.codes) == ("Refused", ("foreign-link",))
    assert fingerprint(world) == before


def test_a_folder_over_the_link_s_place_is_left_alone(world):
    world.link.unlink()
    world.link.mkdir()
    assert world.recovered() == ()
    trouble = child(lambda: sync(world.target(), read(V2))).refusal()
    assert trouble.codes == ("foreign-link",)


def test_a_link_to_a_building_file_is_left_alone(world):
    """Nobody but a person makes one; what a link names is not litter."""
    building = path(world, 2).name + ".building"
    shutil.copy(path(world, 2), world.layout.folder / building)
    point(world, building)
    assert world.recovered() == ()
    assert (world.layout.folder / building).exists()
    assert child(lambda: sync(world.target(), read(V2))).refusal().codes == ("foreign-link",)


def test_a_plain_file_over_the_link_s_place_is_never_replaced(world):
    world.link.unlink()
    with sqlite(world.link, mode="rwc") as connection:
        connection.execute("CREATE TABLE ledger (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("INSERT INTO ledger (note) VALUES ('put here by hand')")
    before = fingerprint(world)
    assert world.recovered() == ()
    trouble = child(lambda: sync(world.target(), read(V2))).refusal()
    assert trouble.codes == ("not-adopted",)
    assert fingerprint(world) == before


def test_a_plain_file_put_in_the_middle_of_a_swap_does_not_cost_the_successor(world):
    """The old file is closed in favour of a marked one: whoever puts a file over the link has not undone that."""
    mark(path(world, 2))
    world.link.unlink()
    with sqlite(world.link, mode="rwc") as connection:
        connection.execute("CREATE TABLE note (x)")
    assert world.recovered() == ()
    assert len(world.files()) == 2
    point(world, path(world, 1).name)
    repaired(world, live=2)


def test_a_copy_of_an_archive_over_the_link_s_place_is_never_replaced(world):
    """It is closed and names a generation that is there, as the old file of an adoption does; yet it is none."""
    world.link.unlink()
    shutil.copy(path(world, 1), world.link)
    before = fingerprint(world)
    trouble = refused(world, "NeedsPerson", "state-unknown", 6)
    assert "copy" in trouble.text
    assert fingerprint(world) == before


def test_an_archive_copied_over_the_live_file_is_for_a_person(world):
    """cp follows the link: the live generation now holds what its archive holds."""
    path(world, 2).write_bytes(path(world, 1).read_bytes())
    refused(world, "NeedsPerson", "state-unknown", 6)


def test_a_plain_file_whose_adoption_was_cut_off_is_replaced_by_its_copy(plain, stages, tmp_path):
    whole_run = stages("adopt_journal")
    for marked in (True, False):
        world = whole_run.copy(tmp_path / str(marked))
        child(lambda world=world: whole_run.scenario.act(world.target())).result()
        name = world.files()[0].name
        expected = dump(world.link)
        world.link.unlink()
        shutil.copy(plain.link, world.link)
        close(world.link, 1, name.removesuffix(".sqlite3"))
        if marked:
            mark(world.files()[0])
        repaired(world, live=1)
        assert dump(world.link)["rows"]["people"] == expected["rows"]["people"]


# --- who looks meanwhile ----------------------------------------------------------------------------------------


def test_reading_says_that_a_swap_was_cut_off_and_changes_nothing(world):
    point(world, path(world, 1).name)
    before = fingerprint(world)

    def look():
        with live_database.read(world.layout, world.target().opener):
            pass

    trouble = child(look).refusal()
    assert (trouble.kind, trouble.codes) == ("Refused", ("swap-unfinished",))
    assert fingerprint(world) == before


def read_beside(world, meanwhile, monkeypatch):
    """The generation that a reader finds if `meanwhile` happens between its looks at the link and at the file."""

    def look():
        resolved = live_file.inode_of

        def then(path):
            monkeypatch.setattr(live_file, "inode_of", resolved)
            meanwhile()
            return resolved(path)

        monkeypatch.setattr(live_file, "inode_of", then)
        with live_database.read(world.layout, world.target().opener) as now:
            return now.generation.name

    return child(look)


def test_a_reader_beside_a_whole_swap_finds_the_file_that_is_live_then(one, monkeypatch):
    before = one.files()
    found = read_beside(one, lambda: sync(one.target(), read(V2)), monkeypatch).result()
    assert found == one.files()[-1].stem and len(before) == 1 and len(one.files()) == 2


def test_a_reader_waits_for_a_run_between_its_fence_and_the_move_of_the_link(world, monkeypatch):
    live = path(world, 2).name
    point(world, path(world, 1).name)
    at_work = threading.Event()

    def run():
        with lock.run_lock(world.layout.lock, 0):
            at_work.set()
            time.sleep(0.2)
            point(world, live)

    def meanwhile():
        threading.Thread(target=run).start()
        at_work.wait()

    assert read_beside(world, meanwhile, monkeypatch).result() == live.removesuffix(".sqlite3")


def test_a_reader_does_not_wait_for_ever(world, monkeypatch):
    point(world, path(world, 1).name)
    monkeypatch.setattr(live_file, "SWAP_TIME", 0.05)

    def look():
        with lock.run_lock(world.layout.lock, 0), live_database.read(world.layout, world.target().opener):
            pass

    trouble = child(look).refusal()
    assert trouble.codes == ("swap-unfinished",) and trouble.hints == ("Try again in a moment.",)


def test_a_sync_repairs_before_it_looks(world):
    point(world, path(world, 1).name)
    mark(path(world, 2))
    report = child(lambda: sync(world.target(), read(V2))).result()
    assert report.result == "current"
    repaired(world, live=2)


def test_a_sync_that_is_current_still_removes_what_a_dead_run_left(world):
    building = world.layout.folder / "0003-abcabcabcabc.sqlite3.building"
    building.write_bytes(b"half")
    marked = world.layout.folder / "0004-abcabcabcabc.sqlite3"
    shutil.copy(path(world, 2), marked)
    mark(marked)
    assert child(lambda: sync(world.target(), read(V2))).result().result == "current"
    assert not building.exists()
    assert not marked.exists()


def test_two_recoveries_at_once_do_it_once(world):
    from .processes import Child

    point(world, path(world, 1).name)
    mark(path(world, 2))
    both = [Child(lambda: recovery(world.target())) for _ in range(2)]
    done = sorted(len(one.ended().result()) for one in both)
    assert done == [0, 1]
    repaired(world, live=2)


def test_recovery_tells_what_it_did(world):
    told = []

    class Listener:
        def note(self, text):
            told.append(text)

    point(world, path(world, 1).name)

    def work():
        target = world.target(progress=Listener())
        with target.locked():
            recover(target)
        return told

    assert child(work).result() == [f"finished an interrupted swap: {path(world, 2).stem} is live"]


def test_the_history_row_of_a_repaired_swap_back_is_told_once(world):
    """A crash after the restored file was opened again must not add a second row."""
    closed = fence_of(path(world, 1))
    close(path(world, 2), closed.swap + 1, path(world, 1).stem)
    child(lambda: _restore(world)).result()
    repaired(world, live=1)
    assert [row.action for row in history(world.link)].count("rollback") == 1
