"""Adopts a plain database file: a fenced swap to a copy of it, so that no writer keeps using the original."""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace

from ..diff.compare import compare
from ..diff.hazards import Hazard, HazardCode
from ..diff.hint_keys import all_hints, hints_that_acted
from ..engines.sqlite import history_table
from ..engines.sqlite.checkpoint import durably
from ..engines.sqlite.connection import journal_mode, to_wal
from ..engines.sqlite.dry_run import rehearse
from ..engines.sqlite.hazards.outdated import outdated
from ..engines.sqlite.name_errors import Unknown
from ..engines.sqlite.objects import has_temporary
from ..engines.sqlite.runner_tables import runner_tables
from ..engines.sqlite.uncompiled import LeftOut, creatable, unknown_to
from ..engines.sqlite.verify import integrity_check
from ..errors import Code, Failed, NeedsPerson, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..files.layout import Generation, PathKind
from ..history.action import HistoryAction
from ..history.in_place import taken_over
from ..history.row import HistoryRow
from ..history.rows import Afterwards, hints_of, schema_of
from ..plan.lint import of_schema
from ..plan.make import make
from ..plan.model import Plan
from ..schema.digest import version
from ..schema.document import Document
from ..schema.model import Schema
from ..schema.subset import differing, ours
from . import up_to_date
from .data_migrations import Installed, never_run
from .live_problems import is_being_finished
from .phases.build import build
from .phases.capture import check_same_schema
from .phases.cutover import check_place, cut_over_locked
from .phases.decide import SyncOptions
from .phases.disk_needed import check_disk, room_for
from .phases.finish import note
from .phases.litter import litter_removed
from .phases.recheck import still_true
from .phases.write_lock import Commit, write_lock
from .previously_live import PreviouslyLive, history_before, previously_live
from .recovery import close_archives, finish_swap, recover
from .run import interrupt, live_database
from .run.disk_space import figures_when_full
from .run.elapsed import ms_since
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import Elsewhere, LiveDatabase, without
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Adopted:
    """An adopted file; `differs`: names in which schema.json and the file differ. `runner_tables`: tables of migration
    runners, which must not run any more. `previous`: the generation that was live until the file took the place of the
    link, if a rollback to it is possible. `is_in_place`: the file was copied into the live generation, and stays
    there."""

    generation: str
    version: str
    schema: Schema
    foreign: tuple[tuple[str, str], ...]
    differs: tuple[str, ...]
    duration_ms: int
    pause_ms: int
    left_out: tuple[LeftOut, ...] = ()
    unknown: Unknown = Unknown()  # noqa: RUF009  it is frozen
    runner_tables: tuple[str, ...] = ()
    previous: str | None = None
    is_in_place: bool = False
    outdated: tuple[Hazard, ...] = ()

    @property
    def notes(self) -> tuple[Hazard, ...]:
        """Hazards in the declarations of its tables: misspelt types, and primary keys that look like the row id; and
        values that another SQLite computed differently."""
        return (*of_schema(self.schema), *self.outdated)


def adopt(
    target: Target,
    document: Document | None,
    models: Mapping[str, str] | None = None,
    installed: Installed = None,
    accepted: Collection[str] = (),
    elsewhere: Elsewhere = (),
    *,
    is_resumed: bool = False,
) -> Adopted:
    """Adopt the plain file at the target's path, or the one that somebody copied into the live generation. Raises a
    SchemasyncError; then its rows and schema are unchanged, and it is live unless the error says that the swap is
    committed or done.

    The baseline has the objects of the file that `document` names; without one, all of them. `models` maps each table
    to the model that owns it, if there is no document. `installed`: data migrations, None if they are not used; one
    that the database never ran is refused, unless it is among the `accepted`. `elsewhere`: folded names of tables that
    something else creates, which the baseline leaves out. `is_resumed`: an interrupted swap was finished just before.
    """
    begun = time.monotonic()
    asked = _Asked(document, models or {}, installed, accepted, elsewhere)
    if finish_swap(target) or is_resumed:
        with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as now:
            if now is not None and now.newest is not None and now.newest.action == HistoryAction.ADOPT:
                return _finished(now, now.newest, document)
    with translated_errors(target.layout.link):
        if live_database.is_overwritten(target.layout, target.opener):
            return _adopt_in_place(target, asked, begun)
        _refuse_early(target, asked)
        with interrupt.stoppable() as signals, target.locked() as target:
            recover(target)
            with _plain_file(target) as before:
                with signals.watching(before.connection):
                    _check_whole(target, before)
                decided = _built_again(_decide(target, before, asked))
                with figures_when_full(target.layout.link, room_for(target, decided.plan, before)):
                    generation, pause = _swap(target, decided, before, signals)
            if decided.previous is not None:
                with suppress(SchemasyncError):  # a writer holds its lock; the next run closes it
                    close_archives(target)
            duration_ms, pause_ms = ms_since(begun), round(pause * 1000)
            document_digest = _digest(document, decided.plan)
            note(target, generation, Afterwards(duration_ms, pause_ms, document=document_digest))
    return _adopted(generation, decided, document, duration_ms, pause_ms)


def _built_again(decided: _Decided) -> _Decided:
    """Return `decided` with hints that say the copy rebuilds stale indexes."""
    copied = (
        replace(one, hint="The copy has it built again.") if one.code is HazardCode.STALE_INDEX else one
        for one in decided.outdated
    )
    return replace(decided, outdated=tuple(copied))


def _adopted(
    generation: Generation, decided: _Decided, document: Document | None, duration_ms: int, pause_ms: int = 0
) -> Adopted:
    return Adopted(
        generation.name,
        decided.plan.version,
        decided.plan.new,
        decided.foreign,
        _differing(document, decided.plan.new),
        duration_ms,
        pause_ms,
        decided.left_out,
        decided.unknown,
        decided.runner_tables,
        decided.previous.generation.name if decided.previous is not None else None,
        outdated=decided.outdated,
    )


def _adopt_in_place(target: Target, asked: _Asked, begun: float) -> Adopted:
    """Record the content of the live generation, in one transaction of its file. Its earlier content is overwritten, so
    there is nothing to keep as an archive."""
    with interrupt.stoppable(), target.locked() as target:
        recover(target)
        with live_database.read(target.layout, target.opener, overwritten=True) as before:
            assert before is not None
            assert before.generation is not None
            _check_copied(before)
            decided = _decide(target, before, asked)
            rows = history_before(target.layout, target.opener, before.connection)
            _take_over(target, before.generation, decided, rows)
        duration_ms = ms_since(begun)
        note(target, before.generation, Afterwards(duration_ms, document=_digest(asked.document, decided.plan)))
    return replace(_adopted(before.generation, decided, asked.document, duration_ms), is_in_place=True)


def _check_whole(target: Target, before: LiveDatabase) -> None:
    """Read all tables, before writers wait for the copy. Raises Refused if the file is damaged: a new file must
    not be built from it. Its log may be that of another file, which SQLite reads as its own
    (https://www.sqlite.org/howtocorrupt.html).
    """
    in_wal = journal_mode(before.connection) == "wal"
    check = integrity_check.damage if in_wal else integrity_check.damage_by_table
    with target.progress.phase("verification", "files") as advance:
        found = check(before.connection)
        advance(1, 1)
    if found:
        file = shlex.quote(str(before.path))
        raise Refused.of(
            Code.CORRUPT,
            f"{before.path} is damaged: {integrity_check.listed(found)}",
            "Nothing was changed. Keep a copy of it with its -wal file.\n"
            f"To see all that is wrong: sqlite3 {file} 'PRAGMA integrity_check'\n"
            f"To recover what can be read: sqlite3 {file} .recover | sqlite3 recovered.sqlite3",
        )


def _check_copied(before: LiveDatabase) -> None:
    """Raise a SchemasyncError for a file that was copied in part, or that a run of another database has marked."""
    if before.newest is not None:
        raise Refused.of(Code.CHANGED_DURING_RUN, f"{before.path.name} has a history by now", "Run it again.")
    if has_temporary(before.connection):
        raise NeedsPerson.of(
            Code.STATE_UNKNOWN,
            f"{before.path} has no history, and has marks of a run: it is a copy of an unfinished file",
            "Restore another backup, or an archive: see docs/howto/restore.md of schemasync.",
        )
    if found := integrity_check.damage(before.connection):
        raise Failed.of(
            Code.CORRUPT,
            f"{before.path} is damaged, or was copied in part: {integrity_check.listed(found)}",
            "Stop the application, and copy the backup again.",
        )


def _take_over(target: Target, generation: Generation, decided: _Decided, rows: Sequence[HistoryRow]) -> None:
    with (
        target.disk.step(DiskStep.RECOVER_HISTORY),
        closing(target.opener.write(generation.path, timeout=target.wait)) as connection,
    ):
        target.check_sole()
        to_wal(connection)  # most backups have a rollback journal
        with durably(connection):
            check_same_schema(connection, decided.plan)
            row = taken_over(rows, generation.name, decided.plan, target.stamp, runner_tables(connection))
            history_table.replace(connection, rows)
            history_table.append(connection, row)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The arguments of `adopt`."""

    document: Document | None
    models: Mapping[str, str]
    installed: Installed
    accepted: Collection[str]
    elsewhere: Elsewhere


@dataclass(frozen=True, slots=True)
class _Decided:
    """The plan of a copy, and the objects that it does not include. `previous`: the generation that was live before, if
    its history goes on from that of the file."""

    plan: Plan
    foreign: tuple[tuple[str, str], ...]
    left_out: tuple[LeftOut, ...]
    unknown: Unknown
    runner_tables: tuple[str, ...]
    previous: PreviouslyLive | None
    outdated: tuple[Hazard, ...]


def _refuse_early(target: Target, asked: _Asked) -> None:
    """Refuse before there is a folder to lock in."""
    try:
        with _plain_file(target) as before:
            before.inspect()
            never_run(before, asked.installed, asked.accepted)
    except SchemasyncError as error:
        # another run may be in its swap: under the lock, adopt() sees its end, or recovery finishes it if that run died
        if not is_being_finished(error.problems):
            raise


@contextmanager
def _plain_file(target: Target) -> Iterator[LiveDatabase]:
    """Yield the file at the path. Raises a SchemasyncError if it cannot be adopted."""
    _check_plain(target)
    check_place(target.layout)
    with live_database.read(target.layout, target.opener) as before:
        assert before is not None
        if before.newest is None and not before.inspect().objects:
            raise _no_database(f"the database at {target.layout.link} is empty")
        yield before


def _decide(target: Target, before: LiveDatabase, asked: _Asked) -> _Decided:
    """Decide what the baseline contains, and try to build it. Raises Refused if that fails."""
    document, inspection = asked.document, before.inspect()
    unknown = unknown_to(before.connection, target.opener)
    left_out: tuple[LeftOut, ...] = ()
    if document is not None:
        baseline = ours(inspection.schema, document.schema)
    else:
        everything = without(inspection.schema, asked.elsewhere)
        baseline, left_out = creatable(before.connection, everything, target.opener, unknown)
    plan = replace(
        _plan(baseline, before, document),
        models=document.models if document else asked.models,
        never_run=never_run(before, asked.installed, asked.accepted),
    )
    if document is not None and before.newest is None:
        acted = hints_that_acted(document.hints, inspection.schema, document.schema)
        plan = replace(plan, applied_hints=plan.applied_hints | acted)
    rehearse(before.connection, plan, target.opener, unknown)
    check_disk(target, plan, before)
    left_alone = asked.elsewhere if document is not None else ()  # schema.json is still to be written, and names them
    foreign = tuple(o.named for o in inspection.foreign(baseline.object_names(), left_alone))
    was_live = previously_live(target.layout, target.opener)
    continues = was_live is not None and was_live.continues(before.connection, before.rows)
    previous = was_live if continues else None
    runners, changed = tuple(runner_tables(before.connection)), tuple(outdated(before.connection))
    return _Decided(plan, foreign, left_out, unknown, runners, previous, changed)


def _swap(target: Target, decided: _Decided, before: LiveDatabase, signals: Signals) -> tuple[Generation, float]:
    """Build the copy and swap it in; also returns how many seconds writers waited."""
    commit, plan = Commit(), decided.plan
    history = decided.previous.rows if decided.previous is not None else None
    with write_lock(target, before.path, before.inode) as lock, litter_removed(target, commit):
        still_true(target, plan, before, SyncOptions())
        built = build(target, plan, before, HistoryAction.ADOPT, signals, history=history)
        cut_over_locked(target, signals, lock, built.generation, commit)
    return built.generation, lock.seconds


def _digest(document: Document | None, plan: Plan) -> str | None:
    """The digest of a schema.json that agrees with the database, for the fast path of the next sync."""
    if document is None or document.version != plan.version or all_hints(document.hints):
        return None
    return up_to_date.digest(document.data)


def _differing(document: Document | None, baseline: Schema) -> tuple[str, ...]:
    return tuple(sorted(differing(document.schema, baseline))) if document is not None else ()


def _finished(now: LiveDatabase, row: HistoryRow, document: Document | None) -> Adopted:
    """The result of an adoption that was interrupted between the fence and the link, and is now finished."""
    baseline = schema_of(row)
    foreign = tuple(o.named for o in now.inspect().foreign(baseline.object_names()))
    differs, runners = _differing(document, baseline), tuple(runner_tables(now.connection))
    took = row.duration_ms, row.pause_ms
    return Adopted(row.generation, row.version, baseline, foreign, differs, *took, runner_tables=runners)


def _check_plain(target: Target) -> None:
    layout = target.layout
    match layout.path_kind():
        case PathKind.PLAIN:
            return
        case PathKind.GENERATION:
            live = layout.live()
            with live_database.read(layout, target.opener):  # raises the error that says what is wrong with it
                pass
            raise Refused.of(
                Code.ALREADY_ADOPTED,
                f"{layout.link} is adopted already; live is {live.name if live else '?'}",
                "manage.py schemasync history shows its history. To write a schema.json from it: "
                f"manage.py schemasync inspect {shlex.quote(str(layout.link))} -o schema.json",
            )
        case PathKind.NOTHING:
            raise _no_database(f"there is no database at {layout.link}")
        case _:
            with live_database.read(layout, target.opener):  # raises the error that says what the file is
                return


def _no_database(what: str) -> Refused:
    return Refused.of(Code.NO_DATABASE, what, "To create a new one from schema.json: manage.py schemasync")


def _plan(baseline: Schema, before: LiveDatabase, document: Document | None) -> Plan:
    """Return the plan of a copy that keeps every table. If the file differs from schema.json at most in the order of
    columns, its version is that of schema.json."""
    agrees = document is not None and not compare(baseline, document.schema).changes
    new = document.schema if document is not None and agrees else baseline
    return make(
        compare(baseline, new, recorded=hints_of(before.newest)),
        baseline,
        new,
        version(new),
        base_version=None,
        base_fingerprint=before.fingerprint,
        volatile=lambda table, column: False,
    )


def ignore_lines(target: Target) -> tuple[str, ...]:
    """Lines for .gitignore and .dockerignore: data, not code."""
    name = target.layout.link.name
    return (name, f"{name}-*", f"{target.layout.folder.name}/", f"{target.layout.backups.name}/")
