"""A disk that fills up at any moment: the run reports it, the live file is unchanged, and no partial file is left.

The free space goes from none to enough, so that it is used up in every phase. The tests switch off `check_disk`, which
refuses beforehand, as other processes may fill the disk later.
"""

import os
import re
import shutil

import pytest

from schemasync.files.disk import DiskStep
from schemasync.keep import restore as restoring
from schemasync.keep.backup import backup
from schemasync.keep.store import store
from schemasync.masking.masker import MaskKind
from schemasync.masking.rules import Rules
from schemasync.sync import adopt as adoption
from schemasync.sync.adopt import adopt
from schemasync.sync.masked_snapshot import masked_snapshot
from schemasync.sync.phases import beforehand
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from schemasync.sync.snapshot import snapshot
from tests.crash.databases import dump, fence_of, first, plain, read, recovery, traces, whole, write
from tests.crash.histories import schema
from tests.crash.processes import child
from tests.crash.scenarios import SCENARIOS, KillAt, restore_live
from tests.faults.small_disk import small_disk
from tests.support.sample import some

KIB = 1024


@pytest.fixture(scope="session")
def disk():
    with small_disk("8m") as folder:
        yield folder


def rows(database, count):
    database.run(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        " INSERT INTO ledger (note) SELECT 'row number ' || i FROM n"
    )
    return database


def started(folder):
    database = first(folder)
    database.sync(schema(0))
    return rows(database, 4000)


def gone_on(folder):
    database = started(folder)
    database.sync(schema(1))
    return rows(database, 10)


def backed_up(folder):
    database = gone_on(folder)
    assert child(lambda: made(database.target())).result() == 1
    return rows(database, 10)


def made(target):
    """Make a backup, and return the number of backups."""
    kept = store(target.layout.link, "default")
    backup(target, kept, "default")
    return len(kept.find().backups)


ACTS = {
    "first": (first, lambda target: sync(target, read(schema(0)))),
    "sync": (started, lambda target: sync(target, read(schema(1)))),
    "fresh": (started, lambda target: sync(target, read(schema(0)), SyncOptions(rebuild_all=True))),
    "adopt a WAL file": (lambda folder: rows(plain(folder, "wal"), 4000), lambda target: adopt(target, None)),
    "adopt a journal file": (lambda folder: rows(plain(folder, "delete"), 4000), lambda target: adopt(target, None)),
    "rollback": (gone_on, lambda target: rollback(target, None, lambda ahead: True)),
    "restore": (backed_up, restore_live),
    "restore with a sync": (SCENARIOS["restore_synced"].arrange, SCENARIOS["restore_synced"].act),
}


# The gate fills the disk of a run that builds while writers write, and of one whose commit needs the file alone. Each
# finds the limit with a dozen runs, and then runs ten times.
QUICK = {"sync", "adopt a journal file"}


@pytest.fixture(scope="session")
def beginnings(memory):
    made = {}

    def beginning(name):
        if name not in made:
            made[name] = ACTS[name][0](memory / f"full {name}")
        return made[name]

    return beginning


def attempt(name, beginning, disk, free):
    """Put the beginning on the disk, leave `free` bytes free, and run. Return (database, how it ended, ballast)."""
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    database = beginning.copy(disk / "w")
    ballast = disk / "ballast"
    status = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, status.f_bavail * status.f_frsize - free))
    return database, child(lambda: ACTS[name][1](database.target())), ballast


def enough(name, beginning, disk):
    """Return the least number of free bytes with which the run succeeds, to the page."""
    low, high = 0, 4096 * KIB
    while high - low > 4 * KIB:
        middle = (low + high) // 2
        _, ended, _ = attempt(name, beginning, disk, middle)
        low, high = (middle, high) if ended.trouble else (low, middle)
    return high


@pytest.mark.slow(but=["sync-some"])
@pytest.mark.parametrize("step", [pytest.param(2, id="some"), pytest.param(1, id="every", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", some(ACTS, QUICK))
def test_wherever_the_disk_is_full_the_live_file_is_untouched(beginnings, disk, monkeypatch, name, step):
    monkeypatch.setattr(beforehand, "check_disk", lambda *given: None)
    monkeypatch.setattr(adoption, "check_disk", lambda *given: None)
    monkeypatch.setattr(restoring, "check_free", lambda *given: None)
    beginning = beginnings(name)
    old = dump(beginning.copy(disk.parent / f"{disk.name}-look").link) if beginning.link.exists() else None
    shutil.rmtree(disk.parent / f"{disk.name}-look", ignore_errors=True)
    before = live_name(beginning)
    limit = enough(name, beginning, disk)
    sizes = {limit * part // 12 for part in range(0, 12, step)} | {limit - 4 * KIB * n for n in range(1, 9, step)}
    figures = []
    for free in sorted(size for size in sizes if size >= 0):
        database, ended, ballast = attempt(name, beginning, disk, free)
        if ended.trouble is None:  # the free space alone does not decide: the places of pages do, too
            continue
        trouble = ended.refusal()
        assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Failed", ("disk-full",), 4), (free, trouble)
        assert "prune" in "".join(trouble.hints)
        figures += re.findall(r"may need ([\d,]+) bytes, and without it ([\d,]+) are free in", trouble.text)
        assert_untouched(database, beginning, before, free)
        ballast.unlink()
        # if the disk is too full to remove the change log, the next command does it
        done = child(lambda database=database: recovery(database.target())).result()
        assert all("change log" in line for line in done), (free, done)
        if old is not None:
            assert dump(database.link) == old
            assert fence_of(database.link) is None
            assert write(database.link, "goes on") is None
        child(lambda database=database: ACTS[name][1](database.target())).result()
        assert whole(database.link)
        assert traces(database.link) == []
    if name == "rollback":
        assert not figures, "it writes no new file"
    else:
        needed, free = ([int(one.replace(",", "")) for one in several] for several in zip(*figures, strict=True))
        assert min(needed) > limit, "the figure is one with which it works"
        assert all(one < limit + 64 * KIB for one in free), (
            "what the run has made is removed before the rest is counted"
        )


def live_name(database):
    live = database.layout.live()
    return live and live.name


def assert_untouched(database, beginning, before, free):
    assert live_name(database) == before, free
    assert database.files() == [database.layout.folder / path.name for path in beginning.files()], free
    names = {re.sub("-(wal|shm)$", "", name) for name in database.names().get("generations", [])}
    assert names <= {path.name for path in beginning.files()} | {"lock"}, free


def test_a_disk_that_cannot_hold_the_new_file_is_refused_before_a_byte_is_written(beginnings, disk):
    beginning = beginnings("sync")
    names = beginning.names()
    for name in ("sync", "fresh"):
        database, ended, _ = attempt(name, beginning, disk, 2048 * KIB)
        trouble = ended.refusal()
        assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Refused", ("disk-full",), 3)
        assert database.names() == names
        assert dump(database.link) == dump(beginning.link)


def test_a_repair_that_does_not_fit_is_made_when_there_is_room(beginnings, disk, monkeypatch):
    """A kill after the fence, and then a full disk: no one can write, nothing is lost, and recovery only needs room."""
    beginning = beginnings("sync")
    database, _, ballast = attempt("sync", beginning, disk, 0)
    ballast.unlink()
    monkeypatch.setattr(beforehand, "check_disk", lambda *given: None)
    passed = SCENARIOS["evolve"].passes.index(DiskStep.CUTOVER_FENCE)
    assert child(lambda: sync(database.target(KillAt("after", passed)), read(schema(1)))).killed
    status = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize)
    trouble = child(lambda: recovery(database.target())).refusal()
    assert trouble.codes == ("disk-full",)
    assert write(database.link, "not now") is not None
    ballast.unlink()
    assert len(child(lambda: recovery(database.target())).result()) == 1
    assert len(dump(database.link)["rows"]["ledger"]) == 4000
    assert write(database.link, "goes on") is None


def masked(target, output):
    return masked_snapshot(target, output, Rules({"ledger": {"note": MaskKind.TEXT}}))


@pytest.mark.parametrize("copy", [snapshot, pytest.param(masked, marks=pytest.mark.slow)])
def test_a_snapshot_that_does_not_fit_leaves_nothing(beginnings, disk, copy):
    beginning = beginnings("sync")
    for free in (0, 40 * KIB, 100 * KIB, 160 * KIB):
        database, _, ballast = attempt("sync", beginning, disk, 0)
        ballast.unlink()
        status = os.statvfs(disk)
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - free)
        output = disk / "copy.sqlite3"
        trouble = child(lambda database=database, output=output: copy(database.target(), output)).refusal()
        assert trouble.codes == ("disk-full",), (free, trouble)
        figures = re.search(r"the copy may need [\d,]+ bytes, and without it [\d,]+ are free in", trouble.text)
        assert figures or not free, trouble  # without free space, not even the live file can be opened
        assert not [p.name for p in disk.iterdir() if p.name.startswith("copy")]
        ballast.unlink()
        assert dump(database.link) == dump(beginning.link)


BACKUPS = [pytest.param(part, id=f"{part} of 8", marks=[] if part == 6 else pytest.mark.slow) for part in range(8)]


@pytest.mark.parametrize("part", BACKUPS)
def test_a_backup_to_a_full_disk_leaves_the_earlier_one_and_nothing_half(beginnings, disk, monkeypatch, part):
    """The storage is on the same disk."""
    monkeypatch.setitem(ACTS, "backup", (backed_up, made))
    beginning = beginnings("backup")
    database, ended, ballast = attempt("backup", beginning, disk, beginning.link.stat().st_size * 5 // 4 * part // 8)
    trouble = ended.refusal()
    assert trouble.codes in (("disk-full",), ("storage-failed",)), trouble
    assert_untouched(database, beginning, live_name(beginning), part)
    kept = store(database.link, "default")
    assert len(kept.find().backups) == 1
    assert kept.find().incomplete == kept.find().unreadable == ()
    ballast.unlink()
    assert child(lambda: made(database.target())).result() == 2
    assert dump(database.link) == dump(beginning.link)


def test_a_restore_that_needs_more_than_is_free_is_refused_before_anything_is_fetched(beginnings, disk):
    beginning = beginnings("restore")
    database, ended, _ = attempt("restore", beginning, disk, 100 * KIB)
    trouble = ended.refusal()
    assert (trouble.kind, trouble.codes, trouble.exit_code) == ("Refused", ("disk-full",), 3)
    assert database.names() == beginning.names()
