"""Checks after a kill: of the wreck, of the next run, and of the final state."""

import itertools

import pytest

from schemasync.errors import Refused
from schemasync.files.layout import PathKind
from schemasync.keep.store import store
from schemasync.sync.runner import sync

from .databases import dump, fence_of, history, is_marked, recovery, traces, whole, without, write
from .processes import child
from .scenarios import run

ROW = "written after the crash"


def is_committed(scenario, number, when):
    """Return True if the run was killed after its commit."""
    if not scenario.swaps:
        return False
    commit = len(scenario.passes) - 1 - scenario.passes[::-1].index(scenario.commit)  # a backup may be synced before
    return number > commit or (number == commit and when == "after")


def look_at_the_wreck(prepared, wreck):
    """Check the files before anything is repaired, as a program sees them that opens the link."""
    if prepared.old is None and wreck.layout.path_kind() is PathKind.NOTHING:
        return
    assert dump(wreck.link) in (prepared.old, prepared.new)
    assert whole(wreck.link)
    assert not is_marked(wreck.link)
    for path in wreck.files():
        assert whole(path)


def write_through_the_link(database):
    """Write a row and return its note, or None if the fence refuses it."""
    error = write(database.link, ROW)
    if error is None:
        assert fence_of(database.link) is None
        return ROW
    assert "schemasync: superseded, open the database again" in error
    assert fence_of(database.link) is not None
    return None


def assert_tidy(database, scenario, *, is_copied=False):
    """Check that there is one link, one live file without traces of schemasync, closed archives, and no litter.

    `is_copied`: the files are copies of those at the kill. The inode of an adoption's original has then changed, so
    recovery keeps the original.
    """
    names = database.names()
    side = {"", "-wal", "-shm", "-journal"}
    extra = {"copy.sqlite3", "copy.sqlite3.tmp", "copy.sqlite3.tmp-journal"} if scenario.name == "snapshot" else set()
    if scenario.name == "masked_snapshot":
        extra = {"copy.sqlite3", "copy.sqlite3.tmp"}
        assert not any(b"Grace" in (database.folder / name).read_bytes() for name in extra & set(names[""]))
    if scenario.name.startswith(("backup", "restore")):
        assert_backups(database, scenario)
        extra |= {"copy.sqlite3", "copy.sqlite3.tmp", "db.sqlite3.backups"}
        extra |= {name for name in names[""] if name.startswith(".copy.sqlite3.restore-")}  # the next one removes it
    extra |= {"litestream.yml"} if scenario.name == "evolve_replicated" else set()
    extra |= {f"{database.link.name}-displaced-1"} if scenario.name == "a_displaced_file" else set()
    extra |= {name for name in names[""] if is_copied and name.startswith(f"{database.link.name}-displaced-1")}
    assert not (copy := database.folder / "copy.sqlite3").exists() or whole(copy)
    known = {database.link.name + suffix for suffix in side} | {database.layout.folder.name}
    assert set(names[""]) - known - extra == set()
    if database.layout.path_kind() is PathKind.PLAIN:
        assert fence_of(database.link) is None
        if scenario.name == "eject":
            assert_left(database)
        elif scenario.name == "adopt_over_the_link":
            assert [fence_of(path) is None for path in database.files()] == [False, False, True], (
                "none was built or closed"
            )
        else:
            assert not scenario.swaps or names.get("generations", []) in ([], ["lock"])
        return
    live = database.layout.live().path
    assert database.link.is_symlink()
    assert not database.link.readlink().is_absolute()
    assert traces(database.link) == []
    for path in database.files():
        assert whole(path)
        assert not is_marked(path)
        assert (fence_of(path) is None) == (path == live), path.name
    finished = {path.name + suffix for path in database.files() for suffix in side}
    litter = set(names["generations"]) - finished - {"lock"}
    assert litter <= ({"replication.lock"} if scenario.name == "evolve_replicated" else set())


def assert_backups(database, scenario):
    """Check that each backup with a manifest is whole, and that one backup is left."""
    kept = store(database.link, "default")
    backups = kept.find().backups
    assert backups or scenario.name == "backup"
    for one in backups:
        stored = one.data["stored"]
        assert kept.digest(one.stored_name).is_same(stored["bytes"], stored["sha256"])


def assert_left(database):
    """Check that the plain file has no object of schemasync, and that the archives are whole and closed."""
    assert traces(database.link) == []
    assert history(database.link) == ()
    assert not database.layout.plain.exists()
    for path in database.files():
        assert whole(path)
        assert fence_of(path) is not None, path.name


def finish(scenario, database):
    """Call finish_here() in a process of its own."""
    return child(lambda: finish_here(scenario, database)).result()


def finish_here(scenario, database):
    """Do the next run. Return the archive that holds the writes set aside by a rollback or restore, or None."""
    target = database.target()
    live = database.layout.live()

    def again():
        match scenario.name:
            case "adopt_wal" | "adopt_journal" | "adopt_over_the_link" if live is not None:
                with pytest.raises(Refused, match="adopted already"):
                    run(scenario, target)
            case "adopt_in_place" if history(database.link):
                with pytest.raises(Refused, match="adopted already"):
                    run(scenario, target)
            case "eject" if live is None:
                with pytest.raises(Refused, match="nothing to eject"):
                    run(scenario, target)
            case "rollback" if live.number == 1:
                pass  # the rollback is done
            case "restore_live" | "restore_synced" | "restore_first" if live is not None and live.number == 3:
                pass  # the restore is done; a second one would restore again
            case "keep_writes" if live.number == 4:
                pass  # the rollback is done; a second one would go forward again
            case "alter_undone" if len(history(database.link)) == 4:
                pass  # the change is undone; a second run would make it again
            case "snapshot" | "masked_snapshot" | "restore" if (database.folder / "copy.sqlite3").exists():
                pass  # the copy is whole, and a second run would refuse to overwrite it
            case _:
                run(scenario, target)
        if scenario.current is None:
            return None
        report = sync(target, scenario.wanted)
        return report.result, report.generation

    result = again()
    if scenario.current is not None:
        assert result == ("current", database.layout.live().name)
    is_set_aside = scenario.name in ("rollback", "restore_live", "restore_synced") and live.number == 2
    return live.path if is_set_aside else None


def assert_history(scenario, database):
    """Check that the history has a row for each generation that was live, in order, and ends with the live one."""
    if scenario.name == "eject":
        return
    rows = history(database.link)
    assert [row.id for row in rows] == sorted({row.id for row in rows})
    assert rows[-1].generation == database.layout.live().name
    if scenario.name == "adopt_in_place":
        assert [(row.action, row.previous) for row in rows] == [("adopt", None)]
        return
    assert {path.stem for path in database.files()} <= {row.generation for row in rows}
    if scenario.name == "adopt_over_the_link":
        assert [(row.action, row.generation[:4], (row.previous or "")[:4]) for row in rows[2:]] == [
            ("sync", "0003", "0002"),
            ("adopt", "0004", "0002"),
        ]
        return
    for before, after in itertools.pairwise(rows):
        is_same_file = (
            scenario.name in ("another_order", "alter", "alter_undone") and after.generation == before.generation
        )
        assert after.previous == (before.previous if is_same_file else before.generation)
    if scenario.name == "rollback":
        assert [row.action for row in rows] == ["sync", "sync", "rollback"]
    elif scenario.name.startswith("adopt"):
        assert [row.action for row in rows] == ["adopt"]
    numbers = [row.generation for row in rows if row.action != "rollback"]
    assert len(set(numbers)) == len(numbers) - sum(row.details.get("strategy") == "in-place" for row in rows)


def assert_goes_on(prepared, database):
    """Check after a failed run: the old or new state is whole, before and after recovery, and the next run finishes."""
    if database.link.exists():
        assert whole(database.link)
    recovery(database.target())
    if database.link.exists():
        assert dump(database.link) in (prepared.old, prepared.new)
        assert_tidy(database, prepared.scenario)
    finish_here(prepared.scenario, database)
    assert without(dump(database.link)) == without(prepared.new)
    assert_tidy(database, prepared.scenario)
    assert_history(prepared.scenario, database)
