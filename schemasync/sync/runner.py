"""Runs a sync phase by phase, in the order of the README's diagram.

schema.json -> decide -> capture -> build -> verify -> catch up -> cut over -> prune
                 |           (writers go on)                           |
              current                                            the link names
                                                                the new generation

With --block-writers, and for a first generation, the run takes the write lock instead of capturing, and has no writes
to catch up with.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace

from ..engines.sqlite.connection import check_version
from ..engines.sqlite.rebuild.alter import CannotEdit
from ..history.action import HistoryAction
from ..history.rows import Followed
from ..plan.make import with_rewritten
from ..plan.model import Plan, Strategy
from ..schema.document import Document
from .nothing_to_do import current_report, if_current, record
from .phases.ahead import Conflict, work_ahead
from .phases.beforehand import check_beforehand
from .phases.build import Built, build
from .phases.capture import captured, followable
from .phases.catch_up import catch_up
from .phases.cutover import check_place, cut_over, cut_over_locked, point, unmark
from .phases.decide import SyncOptions, decide
from .phases.disk_needed import room_for
from .phases.finish import reported
from .phases.hooks import AheadWork, BeforeSwap, Hooks
from .phases.in_place import alter_in_place
from .phases.litter import litter_removed
from .phases.recheck import still_allowed, still_true
from .phases.write_lock import Commit, write_lock
from .prune import pruned
from .recovery import recover
from .run import interrupt, live_database
from .run.disk_space import figures_when_full
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.report import Report
from .run.target import Target
from .verify_live import verify_live


@dataclass(frozen=True, slots=True)
class Swapped:
    """A new file in the place of the live one. `plan`: as it was carried out. `pause`: for how many seconds writers
    waited. `followed`: None if nothing was captured."""

    built: Built
    plan: Plan
    pause: float
    followed: Followed | None = None


def sync(
    target: Target,
    document: Document,
    options: SyncOptions | None = None,
    before_swap: BeforeSwap | None = None,
    ahead: AheadWork | None = None,
) -> Report:
    """Bring the database at `target` to the document's schema. Raises a SchemasyncError; then the live file is
    unchanged, unless the error says that the swap is committed or done. `before_swap`: the application's work on the
    new file, while writers wait. `ahead`: the part of it that is done before, if nobody writes to the tables that it
    uses."""
    options = options or SyncOptions()
    check_version()
    report = _sync(target, document, options, Hooks(target, before_swap, ahead))
    if report.result == "current" and options.verify_full:
        report.notes.extend(verify_live(target, document))
    return report


def _sync(target: Target, document: Document, options: SyncOptions, hooks: Hooks) -> Report:
    with translated_errors(target.layout.link):
        if (report := if_current(target, document, options)) is not None:
            target.replicate()
            return report
    begun = time.monotonic()
    with (
        translated_errors(target.layout.link),
        interrupt.stoppable() as signals,
        target.observed() as target,
        target.locked() as target,
    ):
        hooks = replace(hooks, target=target)
        recover(target)
        with live_database.read(target.layout, target.opener) as before:
            decision = decide(target, document, options, before)
            if decision.plan is None:
                record(target, before, decision, document)
                return current_report(document, before, decision)
            check_beforehand(target, decision.plan, before)
            if decision.plan.strategy is Strategy.IN_PLACE:
                assert before is not None
                assert before.generation is not None
                max_pause = None if options.block_writers else options.limits.max_pause
                pause = alter_in_place(target, decision.plan, before, signals, max_pause)
                report = reported(target, document, decision.plan, before.generation, begun, pause)
                return replace(report, foreign=decision.foreign)
            check_place(target.layout)
            done = swap(target, decision.plan, before, options, signals, hooks)
        report = reported(
            target, document, done.plan, done.built.generation, begun, done.pause, done.built, done.followed
        )
        report.notes.extend(pruned(target))
    return replace(report, foreign=decision.foreign)


def _action(plan: Plan) -> HistoryAction:
    return HistoryAction.KEEP_WRITES if plan.archive else HistoryAction.SYNC


def swap(
    target: Target, plan: Plan, before: LiveDatabase | None, options: SyncOptions, signals: Signals, hooks: Hooks
) -> Swapped:
    """Build the new file and swap it in. Tables that cannot be altered are rewritten in another attempt."""
    try:
        with figures_when_full(target.layout.link, room_for(target, plan, before)):
            return _swap_as_planned(target, plan, before, options, signals, hooks)
    except CannotEdit as error:
        again = with_rewritten(plan, error.tables, error.reason)
        done = swap(target, again, before, options, signals, hooks)
        done.built.notes.extend(f"{table}: rewritten, as {error.reason}" for table in error.tables)
        return done


def _swap_as_planned(
    target: Target, plan: Plan, before: LiveDatabase | None, options: SyncOptions, signals: Signals, hooks: Hooks
) -> Swapped:
    """Run one attempt of the swap. Raises CannotEdit, with nothing changed, if a table has to be rewritten."""
    if before is not None and before.generation is not None and not options.block_writers:
        return _swap_beside_writers(target, plan, before, options, signals, hooks)
    commit = Commit()
    locking = write_lock(target, before.path, before.inode) if before is not None else nullcontext()
    with locking as lock, litter_removed(target, commit):
        if before is not None:
            plan = still_true(target, plan, before, options)
        built = build(target, plan, before, _action(plan), signals, verify_full=options.verify_full)
        hooks.do(built, plan, before)
        cut_over_locked(target, signals, lock, built.generation, commit)
    return Swapped(built, plan, lock.seconds if lock is not None else 0.0)


def _swap_beside_writers(
    target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions, signals: Signals, hooks: Hooks
) -> Swapped:
    """Capture writes, build, catch up, and cut over while writers wait for a moment. After a Conflict, do it once more
    with all of the application's work under the lock."""
    try:
        return _swap_once(target, plan, before, options, signals, hooks)
    except Conflict:
        target.progress.note(f"{before.path.name} is built again, as writers changed what the migrations use")
        return _swap_once(target, plan, before, options, signals, replace(hooks, ahead=None))


def _swap_once(
    target: Target, plan: Plan, before: LiveDatabase, options: SyncOptions, signals: Signals, hooks: Hooks
) -> Swapped:
    """Run one attempt of the swap. Raises Conflict, with nothing changed, if writers changed a table that the work
    done ahead used."""
    commit, full = Commit(), options.verify_full
    with captured(target, plan, before, followable(plan, before)) as capture, litter_removed(target, commit):
        if capture.changed:
            plan = still_allowed(target, plan, before, options)
        built = build(target, plan, before, _action(plan), signals, verify_full=full, capture=capture)
        if not options.limits.postpone:
            built = work_ahead(built, plan, before, capture, hooks)
        is_healthy = hooks.is_healthy_ahead(built, plan, before)
        with catch_up(target, plan, before, built, capture, signals, options.limits) as caught_up:
            hooks.do(built, plan, before, is_healthy=is_healthy)
            with cut_over(target, signals, caught_up.lock, caught_up.swap, commit):
                unmark(target, caught_up.connection)
                point(target, built.generation, caught_up.lock)
    lag = caught_up.lag
    before_that = built.up_to.followed
    rounds, keys = before_that.rounds + lag.rounds, before_that.keys + lag.keys
    return Swapped(built, plan, caught_up.lock.seconds, Followed(rounds, keys, lag.write_overhead))
