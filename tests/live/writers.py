"""Transactions of the ledger, and the writer that carries them out and reads with plain `sqlite3`.

A writer belongs to one thread. Other ways to write are in `workers.py` (Django) and `server.py` (over HTTP).
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

ACCOUNTS = 50
SUPERSEDED = "schemasync: superseded"


class RowChange(NamedTuple):
    """A row of `moves`: `+` inserts it, `=` sets its amount, `-` deletes it."""

    sign: str
    key: str
    account: int
    amount: int


Plan = list[RowChange]
Mine = dict[str, tuple[int, int]]
"""A writer's own rows, by its acknowledged transactions: the account and amount of each key."""

MakePlan = Callable[[random.Random, int, int, Mine], Plan]
"""A function that returns the next plan of a writer, given its number, its count of transactions and its rows."""


class NotDone(Exception):
    """A transaction failed with an error and changed nothing. The text is one word for the reason."""


class Unanswered(Exception):
    """A transaction got no answer, so its outcome is unknown."""


@dataclass(frozen=True)
class Seen:
    """The sums and the time of one snapshot. `time` rises with every swap, and with every insert between two swaps."""

    balance: float
    moved: float
    time: int


class Reads(Enum):
    """The guarantee of a reader."""

    AT_ONCE = "it sees all that any other reader has seen before"
    IN_ORDER = "it sees all that it has seen before itself"
    STALE = "it may come to any connection, and some are stale: only each snapshot holds together"


class Writer(Protocol):
    """A writer, which also reads."""

    def do(self, plan: Plan) -> None:
        """Return when the transaction is acknowledged. Raise NotDone or Unanswered; any other error is a bug."""

    def look(self) -> Seen: ...

    def close(self) -> None: ...


class Site(Protocol):
    """Processes that write and read. Each has `threads` threads, and each thread has a writer."""

    threads: int
    make_plan: MakePlan
    reads: Reads
    never_fails: bool

    def start(self, link: Path, folder: Path) -> None:
        """Start the site, before the first process begins."""

    def stop(self) -> None:
        """Stop the site, after the last process has ended or to abort. A second call does nothing."""

    def kill_a_process(self) -> None:
        """kill -9 a process of the server, if the site has one."""

    def enter(self) -> None:
        """Prepare a process, before its threads begin."""

    def writer(self) -> Writer:
        """Return a writer for the calling thread."""


# --- transactions ---------------------------------------------------------------------------------------------------


def mixed(chance: random.Random, number: int, count: int, mine: Mine) -> Plan:
    """Plan inserts, changes and deletes of the writer's own rows."""
    plan: Plan = []
    for part in range(chance.choice([1, 1, 2, 5])):
        rows = [key for key in list(mine)[-200:] if not key.endswith(MARK)]
        if not rows or chance.random() < 0.5:
            plan.append(_new(chance, f"w{number}-{count}-{part}"))
            continue
        key = chance.choice(rows)
        account, amount = mine[key]
        if key in {change.key for change in plan}:
            continue
        if chance.random() < 0.4:
            plan.append(RowChange("=", key, account, amount + chance.randrange(-50, 50)))
        else:
            plan.append(RowChange("-", key, account, amount))
    return plan


MARK = "!"


def marked(chance: random.Random, number: int, count: int, mine: Mine) -> Plan:
    """Like mixed(), but first insert a row that never changes again. It shows which files have the transaction."""
    return [_new(chance, f"w{number}-{count}{MARK}"), *mixed(chance, number, count, mine)]


def pairs(chance: random.Random, number: int, count: int, mine: Mine) -> Plan:
    """Plan two rows with opposite amounts, which one statement inserts, changes or deletes."""
    firsts = [key for key in list(mine)[-200:] if key.endswith("a")]
    if not firsts or chance.random() < 0.5:
        return new_pairs(chance, number, count, mine)
    key = chance.choice(firsts)
    account, amount = chance.randrange(ACCOUNTS), chance.randrange(-1000, 1000)
    return _pair(chance.choice("==-"), key[:-1], account, amount)


def new_pairs(chance: random.Random, number: int, count: int, mine: Mine) -> Plan:
    """Like pairs(), but only insert."""
    return _pair("+", f"w{number}-{count}", chance.randrange(ACCOUNTS), chance.randrange(-1000, 1000))


def _new(chance: random.Random, key: str) -> RowChange:
    return RowChange("+", key, chance.randrange(ACCOUNTS), chance.randrange(-1000, 1000))


def _pair(sign: str, stem: str, account: int, amount: int) -> Plan:
    return [RowChange(sign, f"{stem}a", account, amount), RowChange(sign, f"{stem}b", account, -amount)]


# --- SQL ------------------------------------------------------------------------------------------------------------

Execute = Callable[[str, Sequence[object]], Any]
"""A function that executes a statement with `?` for values, and returns a cursor."""


def carry_out(execute: Execute, plan: Plan) -> None:
    """Execute the whole plan inside the caller's transaction. A change or delete of a missing row has no effect."""
    for sign, key, account, amount in plan:
        row = execute("SELECT amount FROM moves WHERE key = ?", (key,)).fetchone()
        before, after = row[0] if row else 0, amount
        if sign == "+":
            execute("INSERT INTO moves (key, account, amount) VALUES (?, ?, ?)", (key, account, amount))
        elif sign == "=":
            execute("UPDATE moves SET amount = ? WHERE key = ?", (amount, key))
            after = amount if row else 0
        else:
            execute("DELETE FROM moves WHERE key = ?", (key,))
            after = 0
        execute("UPDATE accounts SET balance = balance + ? WHERE id = ?", (after - before, account))


def carry_out_alone(execute: Execute, plan: Plan) -> None:
    """Execute the plan of a pair in one statement, without a transaction around it."""
    (sign, first, account, amount), (_, second, _, other) = plan
    if sign == "+":
        values = (first, account, amount, second, account, other)
        done = execute("INSERT INTO moves (key, account, amount) VALUES (?, ?, ?), (?, ?, ?)", values)
    elif sign == "=":
        values = (first, amount, other, first, second)
        done = execute("UPDATE moves SET amount = CASE key WHEN ? THEN ? ELSE ? END WHERE key IN (?, ?)", values)
    else:
        done = execute("DELETE FROM moves WHERE key IN (?, ?)", (first, second))
    assert done.rowcount == 2, f"{sign} {first}: {done.rowcount} rows"


BALANCE = "SELECT total(balance) FROM accounts"
MOVED = "SELECT total(amount) FROM moves"
TIME = (
    "SELECT 1000000000 * (SELECT max(id) FROM _schema_versions)"
    " + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'moves'), 0)"
)


def look_within(execute: Execute) -> Seen:
    """Read a snapshot by three statements inside the caller's transaction."""
    return Seen(*(execute(sql, ()).fetchone()[0] for sql in (BALANCE, MOVED, TIME)))


def look_alone(execute: Execute) -> Seen:
    """Read a snapshot by one statement."""
    return Seen(*execute(f"SELECT ({BALANCE}), ({MOVED}), ({TIME})", ()).fetchone())


# --- plain sqlite3 --------------------------------------------------------------------------------------------------


class Plain:
    """Writers with plain `sqlite3`: one connection a thread, kept or opened for each transaction. Errors close it."""

    threads = 1
    reads = Reads.IN_ORDER
    never_fails = False

    def __init__(self, make_plan: MakePlan = mixed, *, keep_open: bool = True) -> None:
        self.make_plan, self.keep_open = make_plan, keep_open

    def start(self, link: Path, folder: Path) -> None:
        self.link = link

    def stop(self) -> None: ...

    def kill_a_process(self) -> None: ...

    def enter(self) -> None: ...

    def writer(self) -> Writer:
        return _PlainWriter(self.link, self.keep_open)


LOOKS = 3  # snapshots that a reader takes with one connection


class _PlainWriter:
    def __init__(self, link: Path, keep_open: bool) -> None:
        self.link, self.keep_open = link, keep_open
        self.connection: sqlite3.Connection | None = None
        self.looks = 0

    def do(self, plan: Plan) -> None:
        try:
            self.connection = self.connection or _open(self.link)
            _transaction(self.connection, plan)
        except sqlite3.Error as error:
            self.close()
            assert SUPERSEDED in str(error) or "locked" in str(error), error
            raise NotDone("superseded" if SUPERSEDED in str(error) else "locked") from error
        if not self.keep_open:
            self.close()

    def look(self) -> Seen:
        self.connection = self.connection or _open(self.link)
        self.connection.execute("BEGIN")
        seen = look_within(self.connection.execute)
        self.connection.execute("COMMIT")
        self.looks += 1
        if self.looks % LOOKS == 0:
            self.close()
        return seen

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def _open(link: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{link}?mode=rw", uri=True, isolation_level=None, timeout=30)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _transaction(connection: sqlite3.Connection, plan: Plan) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        carry_out(connection.execute, plan)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
