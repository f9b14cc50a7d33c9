"""Runs to kill: the files before, the call, every disk step that it passes, and the step that commits it."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from schemasync.engines.sqlite import fence
from schemasync.engines.sqlite.capture.table_access import TableAccess, recorded
from schemasync.files.disk import Disk, DiskStep
from schemasync.keep.backup import backup
from schemasync.keep.litestream.control import Control
from schemasync.keep.litestream.follow import Litestream
from schemasync.keep.pruning import prune as prune_backups
from schemasync.keep.restore import restore, restored_copy
from schemasync.keep.sources import as_backup, chosen
from schemasync.keep.store import store
from schemasync.masking.rules import read_rules
from schemasync.schema.document import Document, with_transforms
from schemasync.schema.transform_function import TransformFunction
from schemasync.sync import prune
from schemasync.sync import restore as live_restore
from schemasync.sync.adopt import adopt
from schemasync.sync.eject import eject
from schemasync.sync.keep_writes import KeepWritesOptions, keep_writes
from schemasync.sync.masked_snapshot import masked_snapshot
from schemasync.sync.phases import postpone
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.phases.hooks import NewFile
from schemasync.sync.rehearsal import rehearse
from schemasync.sync.restore_with_sync import Wanted
from schemasync.sync.rollback import rollback
from schemasync.sync.rollback_in_place import rollback_in_place
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.progress import Silent
from schemasync.sync.run.target import Target
from schemasync.sync.runner import sync
from schemasync.sync.snapshot import snapshot
from schemasync.transforms import ONE_TO_MANY, SHARED, transform

from . import databases
from .databases import V1, V2, SampleDatabase, read
from .processes import child, sqlite

ROLES = {"Roles": {"role": "TEXT PRIMARY KEY", "_rows": [{"role": "admin"}, {"role": "guest"}]}}

MIXED = V2 | {"_use_everywhere": [{"mixin": "timestamps", "except": ["counters"]}, "soft_delete"]}
MASK = read_rules(
    b'{"people": {"full_name": "text", "email": "text"}, "ledger": {"note": "text"}, "counters": "keep"}', "mask.json"
)

BUILD = (
    "BUILD:CREATE BUILD:START BUILD:RESHAPE BUILD:REFILL BUILD:INDEX BUILD:VERIFY BUILD:FINISH BUILD:STRUCTURE"
    " BUILD:SEAL BUILD:RENAME"
)
LIVE = (
    "CAPTURE:INSTALL BUILD:CREATE BUILD:START BUILD:RESHAPE BUILD:REFILL BUILD:INDEX BUILD:ROUND BUILD:VERIFY"
    " BUILD:FINISH BUILD:STRUCTURE BUILD:SEAL BUILD:RENAME"
)
IN = "CUTOVER:ROUND CUTOVER:ROUND"
MOVE = "CUTOVER:LINK CUTOVER:DISPLACED CUTOVER:FOLDER"
SWAP = f"CUTOVER:SYMLINK CUTOVER:FENCE CUTOVER:UNMARK {MOVE}"
FOLLOW = "REPLICATION:CONFIG REPLICATION:FOLLOW"
AFTER = "ARCHIVE:CHECKPOINT HISTORY:FINISH"
LIVE_AFTER = f"CAPTURE:REMOVE {AFTER}"


@dataclass(frozen=True)
class Scenario:
    """A run to kill. From the end of the step `commit` on, the new state is the valid one; None if the run makes none.
    `current` is the schema of the new state, `before` that of the old one. `swaps` is False without `commit`."""

    name: str
    arrange: Callable[[Path], SampleDatabase]
    act: Callable[[Target], Any]
    steps: str
    commit: DiskStep | None = DiskStep.CUTOVER_FENCE
    before: dict[str, Any] | None = None
    current: dict[str, Any] | None = None
    transforms: tuple[TransformFunction, ...] = ()

    @property
    def wanted(self) -> Document:
        """The schema.json of the new state."""
        assert self.current is not None
        return with_transforms(read(self.current), self.transforms)

    @property
    def passes(self) -> list[DiskStep]:
        return [DiskStep(word) for word in self.steps.split()]

    @property
    def swaps(self) -> bool:
        return self.commit is not None


@dataclass
class KillAt:
    """An observer that kills its own process before or after the n-th step (from 0)."""

    when: str
    number: int
    passed: int = 0

    def __call__(self, when: str, label: DiskStep) -> None:
        if when == self.when and self.passed == self.number:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += when == "after"


class Passes:
    """An observer that records the steps."""

    def __init__(self) -> None:
        self.labels: list[DiskStep] = []

    def __call__(self, when: str, label: DiskStep) -> None:
        if when == "before":
            self.labels.append(label)


def run(scenario: Scenario, target: Target) -> Any:
    """Run the scenario in this process. Archives may be pruned at once, as no program has these databases open."""
    prune.GRACE = timedelta(0)
    return scenario.act(target)


def _sync(tree: dict[str, Any], **options: Any) -> Callable[[Target], Any]:
    return lambda target: sync(target, read(tree), SyncOptions(**options)).result


def _backup(target: Target, *, is_compact: bool = False) -> int:
    """Make a backup, and return the number of backups."""
    kept = store(target.layout.link, "default")
    backup(target, kept, "default", is_compact=is_compact)
    return len(kept.find().backups)


def _backed_up(folder: Path) -> SampleDatabase:
    """Two backups made in the same moment, so that no retention period needs the first."""
    database = databases.evolved(folder)
    assert child(lambda: (_backup(database.target()), _backup(database.target()))).result() == (1, 2)
    return database


def _prune_backups(target: Target) -> bool:
    prune_backups(store(target.layout.link, "default"), target.disk, datetime.now(UTC))
    return True


def _restore(target: Target) -> bool:
    kept, copy = store(target.layout.link, "default"), target.layout.link.with_name("copy.sqlite3")
    restore(target.opener, chosen(kept, target), copy, target.progress, target.disk)
    return True


def _with_rows_since_the_backup(folder: Path) -> SampleDatabase:
    database = databases.evolved(folder)
    assert child(lambda: _backup(database.target())).result() == 1
    database.run("INSERT INTO ledger (note, cents) VALUES ('since', 1)")
    return database


def _empty_machine(folder: Path) -> SampleDatabase:
    """Only the backup: no link and no generations."""
    database = _with_rows_since_the_backup(folder)
    shutil.rmtree(database.layout.folder)
    database.link.unlink()
    return database


def restore_live(target: Target, wanted: Wanted | None = None) -> Any:
    source = chosen(store(target.layout.link, "default"), target)
    with restored_copy(target, source) as copy:
        done = live_restore.restore(target, copy, as_backup(source), lambda ahead: True, wanted)
    return done and done.ahead.generation.name


def _with_an_older_backup(folder: Path) -> SampleDatabase:
    """The backup has V1, and the live file V2."""
    database = databases.filled(folder)
    assert child(lambda: _backup(database.target())).result() == 1
    database.sync(V2)
    database.run("INSERT INTO ledger (note, cents) VALUES ('since', 1)")
    return database


def _restore_synced(target: Target) -> Any:
    document, options = read(V2), SyncOptions(allow_older=True, block_writers=True)
    return restore_live(target, Wanted(document, options, lambda copy: sync(copy, document, options)))


def _long_story(folder: Path) -> SampleDatabase:
    """Four generations; the last one is live."""
    database = databases.evolved(folder)
    database.sync(databases.changed(V2, "papers", title="TEXT"))
    database.sync(databases.changed(V2, "papers", title="TEXT", pages="INTEGER"))
    return database


LAST = databases.changed(V2, "papers", title="TEXT", pages="INTEGER")
NEXT = databases.changed(V2, "papers", title="TEXT", pages={"type": "INTEGER NOT NULL", "fill": "coalesce(pages, 1)"})


ALTERED = {
    **{name: table for name, table in V2.items() if name not in ("squads", "_views")},
    "papers": {**V2["papers"], "title": "TEXT", "pages": "INTEGER NOT NULL DEFAULT 1", "_indexes": ["title"]},
    "crews": {**V2["squads"], "_was": ["squads"]},
    "_views": {"heads": "SELECT s.code, p.full_name FROM crews s JOIN people p ON p.id = s.lead"},
}
"""V2 with new columns and an index in papers, and with squads renamed to crews."""


DERIVED = {
    **V2,
    "mails": {
        "email": "TEXT PRIMARY KEY",
        "person": "INTEGER NOT NULL REFERENCES people (id)",
        "_from": "SELECT email, id AS person FROM old.people",
    },
    "papers": {**V2["papers"], "_from": "SELECT id, body FROM old.papers WHERE id IN (SELECT id FROM old.papers)"},
}
"""V2 with a new table that a SELECT fills, and with papers filled again by a SELECT."""


LESS = {
    **{name: table for name, table in V2.items() if name not in ("papers", "reviews")},
    "ledger": {"id": "INTEGER PRIMARY KEY AUTOINCREMENT", "note": "TEXT NOT NULL", "_dropped": ["cents"]},
    "_dropped": ["papers", "reviews"],
}
"""V2 without a column and two tables."""


def _with_less(folder: Path) -> SampleDatabase:
    database = databases.evolved(folder)
    database.sync(LESS)
    database.run("INSERT INTO ledger (note) VALUES ('since')")
    return database


def _back_with_rows(target: Target) -> Any:
    done = keep_writes(target, None, KeepWritesOptions(), lambda ahead: True)
    return done and done.ahead.to.generation


TRANSFORMED = {
    **V2,
    "initials": {"person": "INTEGER PRIMARY KEY REFERENCES people (id)", "letters": "TEXT NOT NULL"},
    "letters": {"letter": "TEXT PRIMARY KEY", "_without_rowid": True},
}
"""V2 with tables that transforms fill."""


@transform("people", into=["initials", "letters"], kind=ONE_TO_MANY, name="initials")
def initials(person):
    letters = "".join(word[0] for word in person["full_name"].split())
    yield "initials", {"person": person["id"], "letters": letters}
    for letter in set(letters):
        yield "letters", {"letter": letter}


@transform("papers", into="papers", kind=SHARED, group=lambda paper: paper["id"] % 2, name="papers")
def papers(found):
    yield from (("papers", paper) for paper in found)


def _transforms(target: Target) -> Any:
    return sync(target, SCENARIOS["transform"].wanted).result


def _altered(folder: Path) -> SampleDatabase:
    database = databases.evolved(folder)
    sync(database.target(), read(ALTERED), SyncOptions(in_place=True))
    return database


def _with_later_rows(folder: Path) -> SampleDatabase:
    database = databases.evolved(folder)
    database.run("INSERT INTO ledger (note, cents) VALUES ('since', 1)")
    return database


def _open_archive(folder: Path) -> SampleDatabase:
    database = databases.evolved(folder)
    databases.tamper(database.files()[0], fence.lower_fence)
    return database


def _restored_backup(folder: Path) -> SampleDatabase:
    """A backup of generation 2 was restored into the file of generation 3."""
    database = databases.evolved(folder)
    (backup := folder / "backup").touch()
    with sqlite(database.link) as live, sqlite(backup) as copy:
        live.backup(copy)
    database.sync(databases.changed(V2, "papers", title="TEXT"))
    with sqlite(backup) as copy, sqlite(database.link) as live:
        copy.backup(live)
    backup.unlink()
    return database


def _overwritten(folder: Path) -> SampleDatabase:
    """A plain file was copied into the live generation."""
    database = databases.evolved(folder)
    plain = databases.plain(folder / "plain", "delete")
    shutil.copyfile(plain.link, database.link)
    shutil.rmtree(folder / "plain")
    return database


def _moved_over(folder: Path) -> SampleDatabase:
    """A backup of generation 2 was moved over the link, when generation 3 was live and had more rows."""
    database = databases.evolved(folder)
    (folder / "backup").touch()
    with sqlite(database.link) as live, sqlite(folder / "backup") as copy:
        live.backup(copy)
    database.sync(databases.changed(V2, "papers", title="TEXT"))
    database.run("INSERT INTO ledger (note, cents) VALUES ('since', 1)")
    (folder / "backup").rename(database.link)
    return database


def _displaced(folder: Path) -> SampleDatabase:
    """A run was killed after it had exchanged the link for a file that somebody had put there."""
    database = databases.evolved(folder)
    shutil.copy(database.files()[1], database.layout.next_link())
    return database


def _empty(folder: Path) -> SampleDatabase:
    database = databases.first(folder)
    database.link.touch()
    return database


def _back(target: Target) -> Any:
    restored = rollback(target, None, lambda ahead: True)
    return restored and restored.preview.to.generation


def _out(target: Target) -> Any:
    return eject(target, None, lambda plain: None).archive


def _postponed(target: Target) -> Any:
    """A sync with `postpone`, which is called to cut over as soon as it waits."""
    observer = target.disk.observer

    def calling(when: str, label: DiskStep) -> None:
        observer(when, label)
        if (when, label) == ("after", DiskStep.CUTOVER_WAIT) and (target.layout.folder / "waiting").exists():
            postpone.call(replace(target, disk=Disk(observer)))

    return sync(replace(target, disk=Disk(calling)), read(V2), SyncOptions(limits=Limits(postpone=True))).result


class _Work:
    """Work of the application on the new file, like a migration's, while writers go on."""

    def is_due(self, new: NewFile) -> bool:
        return True

    def do_ahead(self, new: NewFile) -> TableAccess:
        with sqlite(new.path) as connection, recorded(connection) as access:
            connection.executescript("ALTER TABLE handmade ADD COLUMN z; INSERT INTO handmade VALUES (2, 'more', 3);")
        return access

    def __call__(self, new: NewFile) -> bool:
        assert new.is_ahead
        return False


def _works(target: Target) -> Any:
    return sync(target, read(V2), SyncOptions(), _Work(), _Work()).result


def _fails(target: Target) -> Any:
    """A run that fails when its new file is finished, and removes the file itself."""
    observer = target.disk.observer

    def interfering(when: str, label: DiskStep) -> None:
        observer(when, label)
        if (when, label) == ("after", DiskStep.BUILD_RENAME):
            raise RuntimeError("stop here")

    try:
        return sync(replace(target, disk=Disk(interfering)), read(V2)).result
    except RuntimeError:
        return "stopped"


class _Check:
    """A health check that writes to the file that it checks, and rolls the write back."""

    name = "check"

    def check(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> bool:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            prepare(connection)
            connection.execute("DELETE FROM papers")
            connection.execute("ROLLBACK")
        return True


def _checked(target: Target) -> Any:
    return sync(replace(target, health=_Check()), read(V2)).result


class _Heard(Silent):
    """The progress of a run, which records its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def _replicated(target: Target) -> Any:
    """A sync while Litestream is not running. Check that its configuration names the live file, or that the run notes
    that it does not."""
    folder = target.layout.link.parent
    daemon = Litestream(Control(folder / "no.sock"), "file:///replica", config=folder / "litestream.yml")
    heard = _Heard()
    result = sync(replace(target, replication=daemon, progress=heard), read(V2)).result
    is_written = str(target.layout.link.resolve()) in (folder / "litestream.yml").read_text()
    assert is_written or any("litestream.yml still names another file" in note for note in heard.notes), heard.notes
    return result


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "first",
            databases.first,
            _sync(V1),
            "RUN:FOLDER BUILD:CREATE BUILD:FINISH BUILD:STRUCTURE BUILD:SEAL BUILD:RENAME CUTOVER:UNMARK CUTOVER:SYMLINK"
            f" {MOVE} HISTORY:FINISH",
            commit=DiskStep.CUTOVER_UNMARK,
            current=V1,
        ),
        Scenario("evolve", databases.filled, _sync(V2), f"{LIVE} {IN} {SWAP} {LIVE_AFTER}", before=V1, current=V2),
        Scenario(
            "evolve_with_rows",
            databases.filled,
            _sync(V2 | ROLES),
            f"{LIVE} {IN} BUILD:ROWS {SWAP} {LIVE_AFTER}",
            before=V1,
            current=V2 | ROLES,
        ),
        Scenario(
            "evolve_with_work",
            databases.filled,
            _works,
            f"{LIVE} BUILD:HOOKS {IN} {SWAP} {LIVE_AFTER}",
            before=V1,
            current=V2,
        ),
        Scenario(
            "evolve_with_a_check",
            databases.filled,
            _checked,
            f"{LIVE} BUILD:HEALTH {IN} {SWAP} {LIVE_AFTER}",
            before=V1,
            current=V2,
        ),
        Scenario(
            "evolve_replicated",
            databases.filled,
            _replicated,
            f"{FOLLOW} {LIVE} {IN} {SWAP} {FOLLOW} {LIVE_AFTER}",
            before=V1,
            current=V2,
        ),
        Scenario(
            "evolve_postponed",
            databases.filled,
            _postponed,
            f"{LIVE} CUTOVER:WAIT CUTOVER:CALL CUTOVER:WAIT CUTOVER:ROUND {IN} {SWAP} {LIVE_AFTER}",
            before=V1,
            current=V2,
        ),
        Scenario(
            "evolve_paused",
            databases.filled,
            _sync(V2, block_writers=True),
            f"{BUILD} {SWAP} {AFTER}",
            before=V1,
            current=V2,
        ),
        Scenario(
            "fresh",
            databases.evolved,
            _sync(V2, rebuild_all=True),
            f"{LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=V2,
        ),
        Scenario(
            "derive",
            databases.evolved,
            _sync(DERIVED),
            f"{LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=DERIVED,
        ),
        Scenario(
            "rehearse",
            databases.filled,
            lambda target: rehearse(target, read(V2), SyncOptions()).version,
            f"{LIVE} {IN} REHEARSE:COMMIT REHEARSE:REMOVE CAPTURE:REMOVE",
            commit=None,
            before=V1,
            current=V1,
        ),
        Scenario(
            "mixins",
            databases.evolved,
            _sync(MIXED),
            f"{LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=MIXED,
        ),
        Scenario(
            "transform",
            databases.evolved,
            _transforms,
            f"{LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=TRANSFORMED,
            transforms=(initials, papers),
        ),
        Scenario(
            "another_order",
            databases.evolved,
            _sync({**V2, "papers": dict(reversed(V2["papers"].items()))}),
            "IN_PLACE:ALTER HISTORY:VERSION HISTORY:FINISH",
            commit=None,
            before=V2,
            current={**V2, "papers": dict(reversed(V2["papers"].items()))},
        ),
        Scenario(
            "alter",
            databases.evolved,
            _sync(ALTERED, in_place=True),
            "IN_PLACE:ALTER HISTORY:VERSION HISTORY:FINISH",
            commit=DiskStep.HISTORY_VERSION,
            before=V2,
            current=ALTERED,
        ),
        Scenario(
            "alter_undone",
            _altered,
            lambda target: rollback_in_place(target, lambda found: True, None) is not None,
            "IN_PLACE:ALTER HISTORY:VERSION HISTORY:FINISH",
            commit=DiskStep.HISTORY_VERSION,
            before=ALTERED,
            current=V2,
        ),
        Scenario(
            "evolve_and_prune",
            _long_story,
            lambda target: sync(replace(target, keep=2), read(NEXT)).result,
            f"{LIVE} {IN} {SWAP} {LIVE_AFTER} PRUNE:REMOVE PRUNE:REMOVE",
            before=LAST,
            current=NEXT,
        ),
        Scenario(
            "adopt_wal",
            lambda folder: databases.plain(folder, "wal"),
            lambda target: adopt(target, None).generation,
            f"RUN:FOLDER {BUILD} {SWAP} ARCHIVE:CHECKPOINT CUTOVER:CLEAR HISTORY:FINISH",
        ),
        Scenario(
            "adopt_journal",
            lambda folder: databases.plain(folder, "delete"),
            lambda target: adopt(target, None).generation,
            f"RUN:FOLDER {BUILD} {SWAP} {AFTER}",
        ),
        Scenario(
            "adopt_over_the_link",
            _moved_over,
            lambda target: adopt(target, None).generation,
            f"{BUILD} {SWAP} ARCHIVE:CHECKPOINT CUTOVER:CLEAR RECOVER:FENCE HISTORY:FINISH",
        ),
        Scenario(
            "over_an_empty_file",
            _empty,
            _sync(V1),
            f"RUN:FOLDER {BUILD} {SWAP} {AFTER}",
            current=V1,
        ),
        Scenario(
            "rollback",
            _with_later_rows,
            _back,
            f"CAPTURE:INSTALL CUTOVER:SYMLINK CUTOVER:FENCE CUTOVER:UNFENCE {MOVE} ARCHIVE:CHECKPOINT CAPTURE:REMOVE"
            " HISTORY:FINISH",
            before=V2,
            current=V1,
        ),
        Scenario(
            "keep_writes",
            _with_less,
            _back_with_rows,
            f"{LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=LESS,
            current=V2,
        ),
        Scenario(
            "eject",
            _with_later_rows,
            _out,
            f"BUILD:CREATE BUILD:START BUILD:SEAL CUTOVER:FENCE {MOVE} ARCHIVE:CHECKPOINT",
            before=V2,
        ),
        Scenario(
            "prune",
            _long_story,
            lambda target: len(prune.prune(target, 1, None, dry_run=False).gone),
            "PRUNE:REMOVE PRUNE:REMOVE",
            commit=None,
            before=LAST,
            current=LAST,
        ),
        Scenario(
            "an_open_archive",
            _open_archive,
            _sync(databases.changed(V2, "papers", title="TEXT")),
            f"RECOVER:FENCE {LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=databases.changed(V2, "papers", title="TEXT"),
        ),
        Scenario(
            "a_restored_backup",
            _restored_backup,
            _sync(databases.changed(V2, "papers", title="TEXT")),
            f"RECOVER:HISTORY {LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=databases.changed(V2, "papers", title="TEXT"),
        ),
        Scenario(
            "adopt_in_place",
            _overwritten,
            lambda target: adopt(target, None).generation,
            "RECOVER:HISTORY HISTORY:FINISH",
            commit=None,
        ),
        Scenario(
            "a_displaced_file",
            _displaced,
            _sync(databases.changed(V2, "papers", title="TEXT")),
            f"RECOVER:KEEP {LIVE} {IN} {SWAP} {LIVE_AFTER}",
            before=V2,
            current=databases.changed(V2, "papers", title="TEXT"),
        ),
        Scenario(
            "a_run_that_fails",
            databases.filled,
            _fails,
            f"{LIVE} RECOVER:REMOVE CAPTURE:REMOVE",
            commit=None,
            before=V1,
            current=V1,
        ),
        Scenario(
            "snapshot",
            databases.evolved,
            lambda target: snapshot(target, target.layout.link.with_name("copy.sqlite3")) > 0,
            "OUTPUT:WRITE",
            commit=None,
            before=V2,
            current=V2,
        ),
        Scenario(
            "masked_snapshot",
            databases.evolved,
            lambda target: masked_snapshot(target, target.layout.link.with_name("copy.sqlite3"), MASK).bytes > 0,
            "OUTPUT:WRITE",
            commit=None,
            before=V2,
            current=V2,
        ),
        Scenario(
            "backup",
            databases.evolved,
            lambda target: _backup(target, is_compact=True) > 0,
            "BACKUP:COPY BACKUP:COMPACT BACKUP:COMPRESS BACKUP:STORE BACKUP:MANIFEST",
            commit=None,
            before=V2,
            current=V2,
        ),
        Scenario(
            "backup_pruned",
            _backed_up,
            _prune_backups,
            "BACKUP:REMOVE",
            commit=None,
            before=V2,
            current=V2,
        ),
        Scenario(
            "restore",
            _backed_up,
            _restore,
            "RESTORE:FETCH RESTORE:WRITE",
            commit=None,
            before=V2,
            current=V2,
        ),
        Scenario(
            "restore_live",
            _with_rows_since_the_backup,
            restore_live,
            f"RESTORE:FETCH RESTORE:WRITE RESTORE:HISTORY BUILD:RENAME CAPTURE:INSTALL {SWAP} ARCHIVE:CHECKPOINT"
            " HISTORY:FINISH",
            before=V2,
            current=V2,
        ),
        Scenario(
            "restore_synced",
            _with_an_older_backup,
            _restore_synced,
            "RESTORE:FETCH RESTORE:WRITE RUN:FOLDER RESTORE:HISTORY BUILD:RENAME RESTORE:HISTORY BUILD:RENAME"
            f" CUTOVER:UNMARK CUTOVER:SYMLINK {MOVE} {BUILD} {SWAP} {AFTER}"  # in a folder of its own
            f" RESTORE:HISTORY BUILD:RENAME CAPTURE:INSTALL {SWAP} ARCHIVE:CHECKPOINT HISTORY:FINISH",
            before=V2,
            current=V2,
        ),
        Scenario(
            "restore_first",
            _empty_machine,
            restore_live,
            "RESTORE:FETCH RESTORE:WRITE RUN:FOLDER RESTORE:HISTORY BUILD:RENAME CUTOVER:UNMARK CUTOVER:SYMLINK"
            f" {MOVE} HISTORY:FINISH",
            commit=DiskStep.CUTOVER_UNMARK,
            current=V2,
        ),
    )
}


def make(scenario: Scenario, folder: Path) -> SampleDatabase:
    """Make the state on the disk before the run, which each test copies."""
    database = scenario.arrange(folder)
    if database.link.exists() and scenario.name.startswith("adopt_wal"):
        # rows that a killed program left only in the write-ahead log
        leave_a_log(database.link)
    return database


def leave_a_log(path: Path) -> None:
    """Write a row in a process that is killed while the row is only in the write-ahead log."""

    def die() -> None:
        with sqlite(path) as connection:
            connection.execute(databases.WRITE, ("only in the log",))
            os.kill(os.getpid(), signal.SIGKILL)

    assert child(die).killed
