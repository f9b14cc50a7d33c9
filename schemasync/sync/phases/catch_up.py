"""Catches up with writers that never pause, until the last few rows can be replayed under a short write lock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from ...engines.sqlite.autoincrement import CounterSources, carry_counters, counter_sources
from ...engines.sqlite.capture import changelog, virtual_tables, write_overhead
from ...engines.sqlite.capture.foreign_key_recheck import new_foreign_keys
from ...engines.sqlite.capture.recompute import Recompute
from ...engines.sqlite.capture.replay import Replay, row_errors_failed, schema_changed
from ...engines.sqlite.checkpoint import checkpoint_some
from ...engines.sqlite.connection import Connection, schema_version
from ...engines.sqlite.objects import fingerprint
from ...engines.sqlite.rebuild.finish import put_triggers
from ...engines.sqlite.rebuild.start import attach_old, carry_numbers
from ...engines.sqlite.transactions import commit_durably, transaction
from ...engines.sqlite.transforms.making import making
from ...engines.sqlite.verify.structure import only_marked
from ...errors import Busy, Code, Failed
from ...files.disk import DiskStep
from ...plan.model import Plan
from ...schema.names import fold
from ..run.interrupt import Signals
from ..run.limits import Limits
from ..run.live_database import LiveDatabase
from ..run.target import Target
from . import postpone
from .ahead import Conflict
from .build import Built
from .capture import Capture
from .cutover import Swap, prepared
from .lag import BREATH, RATE, Lag
from .write_lock import WriteLock, brief_write_lock

STATEMENTS = 1000  # stay compiled: a round runs a few for each table that was written, and one for 100 tables
PATIENCE, MOST_PATIENCE = 0.05, 5.0  # seconds to wait for the write lock: at first, and at most


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A new file that has every row of the old one, which is locked. `connection`: to the new file, which still has the
    mark; `lag`: its replay."""

    lock: WriteLock
    swap: Swap
    connection: Connection
    lag: Lag


@contextmanager
def catch_up(
    target: Target,
    plan: Plan,
    before: LiveDatabase,
    built: Built,
    capture: Capture,
    signals: Signals,
    limits: Limits,
) -> Iterator[CaughtUp]:
    """Replay writes into the built file until the last round fits into a short pause; yields under the write lock, when
    nothing is left to replay. Raises Busy after `limits.cutover_timeout`, Failed if rows violate the new schema, and
    Conflict if a table was written that the application's work on the new file has used.
    """
    with _opened(target, before, built, signals) as connection, prepared(target, built.generation) as swap:
        replay = _replay(connection, plan, built, capture)
        replay.prepare()
        lag = Lag(target, replay)
        recompute = _recompute(connection, plan, capture, built)
        if limits.postpone:
            with closing(postpone.until_called(target, built.generation.name)) as waiting:
                for _ in waiting:
                    lag.keep_up(connection)
            lag.ends_are_checked = lag.check_unlogged(connection, full=built.verify_full)
        lag.write_overhead = write_overhead.measure(before.connection, capture.logged, target.opener)
        counters = counter_sources(connection, plan, leave=built.used.names if built.used is not None else ())
        with _locked_when_ready(target, before, capture, built, lag, recompute, connection, limits) as lock:
            _last_round(target, plan, built, lag, recompute, connection, lock.connection, counters)
            yield CaughtUp(lock, swap, connection, lag)


@dataclass(frozen=True, slots=True)
class LastRound:
    """The last round of a rehearsal, and the `seconds` that it took."""

    seconds: float
    lag: Lag

    @property
    def keys(self) -> int:
        """The number of keys that were replayed, in all rounds."""
        return self.lag.keys

    @property
    def rate(self) -> float | None:
        """The number of keys that are replayed in a second; None if it was not measured."""
        return self.lag.rate if self.lag.rate != RATE else None

    def waiting(self) -> int:
        """Return the number of keys that were written since."""
        return self.lag.replay.waiting()


@contextmanager
def caught_up_without_lock(
    target: Target,
    plan: Plan,
    before: LiveDatabase,
    built: Built,
    capture: Capture,
    signals: Signals,
    limits: Limits,
) -> Iterator[LastRound]:
    """Like catch_up(), but for a rehearsal: writers go on during the last round, too. Raises Failed and Conflict."""
    with _opened(target, before, built, signals) as connection:
        replay = _replay(connection, plan, built, capture)
        replay.prepare()
        lag, recompute = Lag(target, replay), _recompute(connection, plan, capture, built)
        counters = counter_sources(connection, plan, leave=built.used.names if built.used is not None else ())
        deadline = time.monotonic() + limits.cutover_timeout
        lag.catch_up(connection, DiskStep.CUTOVER_ROUND, limits.max_pause / 4, deadline)
        _check_used(built, connection, recompute)
        _refreshed(target, connection, lag, recompute)
        _make_room(target, connection, before)
        begun = time.monotonic()
        _last_round(target, plan, built, lag, recompute, connection, before.connection, counters)
        yield LastRound(time.monotonic() - begun, lag)


@contextmanager
def _locked_when_ready(
    target: Target,
    before: LiveDatabase,
    capture: Capture,
    built: Built,
    lag: Lag,
    recompute: Recompute,
    connection: Connection,
    limits: Limits,
) -> Iterator[WriteLock]:
    """Yield the write lock when the rest can be replayed within the allowed pause. Each wait for the lock is longer
    than the one before, up to MOST_PATIENCE; between the attempts the new file is kept up to date."""
    deadline, patience = time.monotonic() + limits.cutover_timeout, PATIENCE
    while True:
        lag.catch_up(connection, DiskStep.CUTOVER_ROUND, limits.max_pause / 4, deadline)
        _check_used(built, connection, recompute)
        misfit = _refreshed(target, connection, lag, recompute)
        _make_room(target, connection, before)
        with ExitStack() as stack:
            lock = _try_to_lock(stack, target, before, patience)
            if (
                lock is not None
                and (misfit is None or time.monotonic() > deadline)
                and _is_ready(lock, capture, lag, recompute, limits.max_pause / 2)
            ):
                _check_used(built, connection, recompute)
                yield lock
                return
        if time.monotonic() > deadline:
            raise misfit or _timed_out(before, limits, recompute, busy=lock is None)
        patience = min(patience * 1.5, MOST_PATIENCE)
        time.sleep(BREATH)


def _recompute(connection: Connection, plan: Plan, capture: Capture, built: Built) -> Recompute:
    seen = built.up_to.derived
    made = making(connection, plan, seen.pace if seen is not None else None)
    made.prepare(capture.scratch)
    return Recompute(connection, plan, capture.logged, made, seen)


def _replay(connection: Connection, plan: Plan, built: Built, capture: Capture) -> Replay:
    """The replay of all tables, except those that the application's work on the new file has used."""
    follows, new_keys, up_to = capture.follows, tuple(new_foreign_keys(plan)), built.up_to
    if built.used is not None:
        used = {one.logged.number for one in built.used.tracked}
        follows = tuple(follow for follow in follows if follow.logged.number not in used)
        new_keys += built.used.foreign_keys
    return Replay(connection, follows, up_to.bound, capture.schema, up_to.schema_version, new_keys)


def _check_used(built: Built, connection: Connection, recompute: Recompute) -> None:
    if built.used is None:
        return
    filled_again = any(fold(step.name) in built.used.names for step in recompute.stale())
    if filled_again or built.used.conflicts(connection):
        raise Conflict


def _refreshed(target: Target, connection: Connection, lag: Lag, recompute: Recompute) -> Failed | None:
    """Fill derived tables and those of transforms again while nobody waits, so that the lock is held for it only if
    their sources are written again. Return the error if a row violates the new schema: the application may fix the row.

    All other rows are replayed in the same snapshot, because the new rows may refer to them."""
    if not recompute.is_due():
        return None
    begun = time.monotonic()
    with target.disk.step(DiskStep.CUTOVER_ROUND), transaction(connection):
        done = lag.replay.round()
        lag.replay.settle()
        misfit = recompute.refresh()
    lag.note(done, time.monotonic() - begun)
    return misfit


def _try_to_lock(stack: ExitStack, target: Target, before: LiveDatabase, patience: float) -> WriteLock | None:
    try:
        return stack.enter_context(brief_write_lock(target, before.path, before.inode, wait=patience))
    except Busy:
        return None


@contextmanager
def _opened(target: Target, before: LiveDatabase, built: Built, signals: Signals) -> Iterator[Connection]:
    """Open the built file under its final name, still marked, with the old one attached."""
    opened = target.opener.write(built.generation.path, timeout=target.wait, cached_statements=STATEMENTS)
    with closing(opened) as connection:
        signals.watch(connection)
        commit_durably(connection)
        attach_old(connection, before.path)
        yield connection


def _make_room(target: Target, connection: Connection, before: LiveDatabase) -> None:
    """Checkpoint the logs of both files as far as readers allow, so that no commit under the lock has to."""
    checkpoint_some(connection)
    with closing(target.opener.write(before.path)) as old:
        checkpoint_some(old)


def _last_round(
    target: Target,
    plan: Plan,
    built: Built,
    lag: Lag,
    recompute: Recompute,
    connection: Connection,
    old: Connection,
    counters: CounterSources,
) -> None:
    """Under the lock: replay the rest, remove everything that is needed only for the replay, and create the triggers.
    Raises Failed if a row violates the new schema, or the schema is not the verified one."""
    begun = time.monotonic()
    with target.disk.step(DiskStep.CUTOVER_ROUND), transaction(connection):
        done = lag.replay.round()
        if not done.fits:
            raise row_errors_failed(done)
        if not lag.ends_are_checked:
            lag.replay.check_ends()
        if (failed := recompute.refresh()) is not None:
            raise failed
        # including rows without an entry in the change log
        written = lag.replay.has_replayed or recompute.has_refreshed
        if written:
            virtual_tables.check_whole(old, plan)
        virtual_tables.follow_all(connection, plan, written=written)
        carry_numbers(connection)
        carry_counters(connection, counters)
        lag.replay.drop_maps()
        only_marked(connection)
        put_triggers(connection, built.triggers)
        is_same = not built.triggers and schema_version(connection) == built.schema_version
        if not is_same and fingerprint(connection) != built.row.fingerprint:
            raise Failed.of(Code.VERIFY_DIFFERS, "the new file's schema is not the verified one", "Please report it.")
    lag.note(done, time.monotonic() - begun)


def _is_ready(lock: WriteLock, capture: Capture, lag: Lag, recompute: Recompute, allowed: float) -> bool:
    """Under the lock: return True if the rest can be replayed in `allowed` seconds, every logged key still names its
    row, and the derived tables that have to be filled again take at most as long.

    Raises Failed if somebody changed the schema.
    """
    version = schema_version(lock.connection)
    # SQLite itself detects a changed schema by this number; to read the schema of a thousand tables takes 11 ms
    if version != capture.schema.version and not changelog.read_schema(lock.connection).has_text_of(capture.schema):
        raise schema_changed()
    lock.prepared_at = version  # the fence is as it was installed together with the log
    if not lag.fits(allowed) or lag.replay.is_doubtful:
        return False
    return recompute.takes() <= allowed


def _timed_out(before: LiveDatabase, limits: Limits, recompute: Recompute, *, busy: bool) -> Busy:
    if busy:
        why = "another connection held its write lock each time"
    elif recompute.makes() > limits.max_pause / 2:
        names = ", ".join(one.name for one in recompute.plan.transforms)
        why = (
            f"the tables that the transform {names} reads were written each time, and to make their rows again takes "
            f"about {recompute.makes() * 1000:.0f} ms, more than half of {limits.max_pause * 1000:g} ms"
        )
    elif recompute.seconds > limits.max_pause / 2:
        names = ", ".join(step.name for step in recompute.plan.derived)
        why = (
            f"the tables that are read for {names} were written each time, and to fill them again took "
            f"{recompute.seconds * 1000:.0f} ms, more than half of {limits.max_pause * 1000:g} ms"
        )
    else:
        why = f"more is written to it than can be replayed in {limits.max_pause * 1000:g} ms"
    return Busy.of(
        Code.CUTOVER_TIMEOUT,
        f"the run kept up with {before.path.name} for {limits.cutover_timeout:g} s and could not cut over: {why}",
        "Nothing was changed. Find the program that writes without a pause, or use --max-pause MS, "
        "--cutover-timeout SECONDS or --block-writers.",
    )
