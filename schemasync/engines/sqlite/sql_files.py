"""Runs a folder of numbered .sql files in memory, as a home-made migration runner would."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import Code, Refused
from ...schema.names import fold, quote
from .connection import Connection, Opener
from .objects import objects, shadow_tables

# the line after which the common runners (dbmate, goose, sql-migrate) keep the statements that undo a file
_DOWN = re.compile(r"^\s*--\s*(?:migrate:down|\+goose\s+down|\+migrate\s+down)\b", re.IGNORECASE | re.MULTILINE)
# and the names of files that undo another one: 0001_users.down.sql, 0001_users_down.sql, U1__users.sql
_UNDOES = re.compile(r".*[._-]down|u[\d._]+__.*|down", re.IGNORECASE)
_Natural = tuple[bool, list[int], list[tuple[int, str]]]
_IN_MEMORY = ("", ":memory:")  # files that ATTACH may open: none on the disk. VACUUM attaches ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """`connection`: the scratch database. `rows`: the rows that the files inserted, by table, which no schema holds."""

    connection: Connection
    files: tuple[str, ...]
    left_out: tuple[str, ...]
    rows: dict[str, int]


def replay(folder: Path, opener: Opener) -> Replayed:
    """Run the files in the order of their numbers; or, with one folder for each migration, in the order of the folders'
    numbers. Raises Refused naming the file that SQLite refuses."""
    found = sorted([*folder.glob("*.sql"), *folder.glob("*/*.sql")], key=lambda path: _order(path, folder))
    down = [path for path in found if _UNDOES.fullmatch(path.stem)]
    scripts = [path for path in found if path not in down]
    if not scripts:
        raise Refused.of(
            Code.NO_DATABASE,
            f"there are no .sql files in {folder}, and none in its folders",
            "Name the folder that holds them.",
        )
    connection = opener.memory()
    try:
        _run_all(connection, scripts)
        return Replayed(connection, _names(scripts, folder), _names(down, folder), _rows(connection))
    except BaseException:
        connection.close()
        raise


def _names(paths: Sequence[Path], folder: Path) -> tuple[str, ...]:
    return tuple(str(path.relative_to(folder)) for path in paths)


def _order(path: Path, folder: Path) -> tuple[_Natural, ...]:
    """Return the sort key of a file: its folder, then the file."""
    return tuple(map(_natural, path.relative_to(folder).with_suffix("").parts))


def _natural(name: str) -> _Natural:
    """Return the sort key for natural order: 10 after 9, V1.10 after V1.9; names without a number at the beginning
    (001, V1, m2) come last."""
    number = re.match(r"\D{0,3}(\d+(?:\.\d+)*)", name)
    parts = re.split(r"(\d+)", name.lower())
    natural = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
    return (number is None, [int(n) for n in number[1].split(".")] if number else [], natural)


def _allow(action: int, name: str | None, *rest: str | None) -> int:
    """Allow a script everything in memory, and nothing with files."""
    denied = action == sqlite3.SQLITE_ATTACH and name not in _IN_MEMORY
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


def _run_all(connection: Connection, scripts: Sequence[Path]) -> None:
    connection.set_authorizer(_allow)
    for path in scripts:
        _run(connection, path)
    connection.set_authorizer(None)


def _run(connection: Connection, path: Path) -> None:
    try:
        text = path.read_text("utf-8-sig")
        down = _DOWN.search(text)
        connection.executescript(text[: down.start()] if down else text)
        if connection.in_transaction:
            connection.execute("COMMIT")
    except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError, ValueError) as error:
        raise Refused.of(
            Code.SQLITE_REFUSES,
            f"{path}: {_said(error)}",
            "Fix the file, or leave it out of the folder.",
            file=str(path),
        ) from error


def _said(error: Exception) -> str:
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_AUTH:
        return "it attaches or writes another file, which is not allowed here"
    return str(error)


def _rows(connection: Connection) -> dict[str, int]:
    shadows = shadow_tables(connection)
    tables = [o.name for o in objects(connection) if o.type == "table" and fold(o.name) not in shadows]
    counts = {name: connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0] for name in tables}
    return {name: count for name, count in counts.items() if count}
