"""The main job, phase by phase, as the diagram in the README has it.

schema.json -> decide -> log -> build -> verify -> catch up -> cut over -> prune
                 |         (writers go on)                         |
              current                                        the link names
                                                            the new generation

With --block-writers, and for a first generation: hold instead of log, and nothing to catch up with.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace

from ..engines.sqlite import history_table
from ..engines.sqlite.connection import Connection, check_version, side_files
from ..errors import Code, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..files.layout import Generation, PathKind
from ..history.action import HistoryAction
from ..history.data_migrations import recorded
from ..history.rows import Afterwards, Followed, completed
from ..plan.model import Plan
from ..schema.document import Document
from . import prune, up_to_date
from .data_migrations import never_run
from .phases.build import Built, build
from .phases.capture import captured, check_same_schema, followable
from .phases.catch_up import catch_up
from .phases.cutover import Swap, begin, check_place, cut_over, go_live, prepared
from .phases.decide import Decision, SyncOptions, as_problem, check_disk, decide, is_current, with_hazards
from .phases.hooks import BeforeSwap, Hooks
from .phases.write_lock import WriteLock, write_lock
from .recovery import recover
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.report import Report, tables_of
from .run.target import Target
from .verify_live import verify_live

NOTE_WAIT = 1.0  # seconds to wait for writers with a note that nothing depends on


def sync(
    target: Target, document: Document, options: SyncOptions | None = None, before_swap: BeforeSwap | None = None
) -> Report:
    """Bring the database at `target` to the document's schema. Raises a SchemasyncError; then the live file is
    what it was before. `before_swap` is the application's own work on the new file, while writers wait."""
    options = options or SyncOptions()
    check_version()
    report = _sync(target, document, options, Hooks(target, before_swap))
    if report.result == "current" and options.verify_full:
        report.notes.extend(verify_live(target, document))
    return report


def _sync(target: Target, document: Document, options: SyncOptions, work: Hooks) -> Report:
    with translated_errors(target.layout.link):
        if (report := _at_a_glance(target, document, options)) is not None:
            return report
    begun = time.monotonic()
    with translated_errors(target.layout.link), interrupt.stoppable() as signals, target.locked() as target:
        recover(target)
        with live_database.read(target.layout, target.opener) as before:
            decision = decide(target, document, options, before)
            if decision.plan is None:
                _record(target, before, decision)
                return _current(document, before, decision)
            check_place(target.layout)
            check_disk(target, decision.plan, before)
            built, pause, plan, followed = _swap(target, decision.plan, before, options, signals, work)
        report = _finish(target, document, plan, built, begun, pause, followed)
        report.notes.extend(_prune(target))
    return replace(report, foreign=decision.foreign)


def _at_a_glance(target: Target, document: Document, options: SyncOptions) -> Report | None:
    """Current at the cost of one small read, without the lock; and refused before there is a folder to lock in."""
    first = not target.layout.folder.exists()
    if not first and target.layout.at() is not PathKind.GENERATION:
        return None
    try:
        with live_database.read(target.layout, target.opener) as now:
            if first:
                if decide(target, document, options, now).plan is not None:
                    check_place(target.layout)
            elif now is not None and now.is_recorded and now.is_untouched and is_current(document, options, now):
                if never_run(now, options.data_migrations, options.accepted_migrations) != recorded(now.rows):
                    return None
                if up_to_date.is_littered(target.layout, now.connection):
                    return None
                return _current(document, now, Decision(None))
    except Refused as refusal:
        # a swap that was cut off is for recovery to finish; every other refusal stands
        if any(problem.code != Code.SWAP_UNFINISHED for problem in refusal.problems):
            raise
    return None


def _current(document: Document, now: LiveDatabase | None, decision: Decision) -> Report:
    newest = now.newest if now is not None else None
    generation = newest.generation if newest else None
    return Report("current", document.version, document.version, generation, foreign=decision.foreign)


def _record(target: Target, now: LiveDatabase | None, decision: Decision) -> None:
    """Write down which data migrations were accepted, where there is nothing to build."""
    newest = now.newest if now is not None else None
    if now is None or newest is None or decision.never_run in (None, recorded(now.rows)):
        return
    known = Afterwards(never_run=decision.never_run)
    with (
        target.disk.step(DiskStep.HISTORY_FINISH),
        closing(target.opener.write(now.path, timeout=target.wait)) as connection,
    ):
        history_table.finish(connection, completed(newest, known))


def _swap(
    target: Target, plan: Plan, before: LiveDatabase | None, options: SyncOptions, signals: Signals, work: Hooks
) -> tuple[Built, float, Plan, Followed | None]:
    """Build beside the held file and cut over; returns also how many seconds writers waited."""
    if before is not None and before.generation is not None and not options.block_writers:
        return _swap_beside_writers(target, plan, before, options, signals, work)
    holding = write_lock(target, before.path, before.inode) if before is not None else nullcontext()
    with holding as held, litter_removed(target, lambda: held is not None and held.is_closed):
        if before is not None:
            plan = still_true(target, plan, before, options)
        built = build(target, plan, before, HistoryAction.SYNC, signals, verify_full=options.verify_full)
        work.do(built, plan, before)
        swap_held(target, signals, held, built.generation)
        return built, held.seconds if held is not None else 0.0, plan, None


def _swap_beside_writers(
    target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions, signals: Signals, work: Hooks
) -> tuple[Built, float, Plan, Followed | None]:
    """Log what is written, build, catch up, and cut over while writers wait for a moment."""
    closed: list[WriteLock] = []

    def swap(held: WriteLock, ready: Swap, connection: Connection) -> None:
        work.do(built, plan, before)
        closed.append(held)
        cut_over(target, signals, held, ready, lambda: go_live(target, built.generation, held, connection))

    followed = followable(plan, before)
    with (
        captured(target, plan, before, followed) as capture,
        litter_removed(target, lambda: any(held.is_closed for held in closed)),
    ):
        if capture.changed:
            plan = still_allowed(target, plan, before, options)
        built = build(
            target, plan, before, HistoryAction.SYNC, signals, verify_full=options.verify_full, capture=capture
        )
        pause, lag = catch_up(target, plan, before, built, capture, signals, options.limits, swap)
    rounds, keys = built.followed.rounds + lag.rounds, built.followed.keys + lag.keys
    return built, pause, plan, Followed(rounds, keys, lag.write_overhead)


def swap_held(target: Target, signals: Signals, held: WriteLock | None, new: Generation) -> None:
    """The swap of a file that was held while the new one was built; None where there was none."""
    if held is None:
        begin(signals, new, lambda: go_live(target, new, None))
        return
    with prepared(target, new) as ready:
        cut_over(target, signals, held, ready, lambda: go_live(target, new, held))


def still_true(target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions) -> Plan:
    """Under the lock, once more: is the schema what the plan was made for, and does the data still allow it?"""
    if not before.has_changed():
        return plan
    check_same_schema(before.connection, plan)
    return still_allowed(target, plan, before, options)


def still_allowed(target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions) -> Plan:
    """The plan with what the data says to it now. Raises Refused where it does not allow it any more."""
    plan = with_hazards(plan, before, options, target.opener)
    if plan.blocking:
        raise Refused(map(as_problem, plan.blocking))
    return plan


@contextmanager
def litter_removed(target: Target, is_closed: Callable[[], bool]) -> Iterator[None]:
    """What is half built goes when building fails; where this process dies instead, recovery does it.

    Once the swap is committed, what was built is the database, whatever fails then.
    """
    known = {generation.path for generation in target.layout.generations()}
    try:
        yield
    except BaseException:
        if is_closed() or (target.lock is not None and not target.lock.is_sole()):
            raise
        for generation in target.layout.generations():
            if generation.path not in known and generation != target.layout.live():
                target.disk.remove(DiskStep.RECOVER_REMOVE, (generation.path, *side_files(generation.path)))
        raise


def _finish(
    target: Target,
    document: Document,
    plan: Plan,
    built: Built,
    begun: float,
    pause: float,
    followed: Followed | None,
) -> Report:
    duration_ms, pause_ms = round((time.monotonic() - begun) * 1000), round(pause * 1000)
    digest = up_to_date.digest(document.data)
    note(target, built.generation, Afterwards(duration_ms, pause_ms, followed, digest))
    return Report(
        "synced",
        document.version,
        plan.base_version,
        built.generation.name,
        str(plan.strategy),
        tables_of(plan, built.rows),
        sum(built.rows.values()),
        duration_ms,
        pause_ms,
        plan.hazards,
        changes=plan.changes,
        notes=built.notes,
        followed=followed,
    )


def _prune(target: Target) -> Iterator[str]:
    """Remove old archives; what could not be removed is a note, for the sync itself is done."""
    try:
        for archive in prune.automatic(target).unknown:
            yield f"{archive.generation.name} was kept: it is newer than all that the history names"
    except OSError as error:
        yield f"old archives were left: {error}"


def note(target: Target, generation: Generation, known: Afterwards) -> None:
    """Tell the last row of the live history what is known only now. The swap is done, whatever becomes of this note:
    a writer that holds the lock for long, or a full disk, must not make it look failed."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        target.disk.step(DiskStep.HISTORY_FINISH),
        closing(target.opener.write(generation.path, timeout=min(target.wait, NOTE_WAIT))) as connection,
    ):
        newest = history_table.newest(connection)
        if newest is not None and newest.generation == generation.name:
            told = completed(newest, known)
            if told != newest:
                history_table.finish(connection, told)
