"""Options of the actions that only read a database."""

from __future__ import annotations

from typing import Any

from .shared import ABSENT


def check(parser: Any) -> None:
    parser.add_argument(
        "--strict", action="store_true", default=ABSENT, help="also exit 1 for objects that schema.json does not name"
    )
    parser.add_argument(
        "--quick-check",
        action="store_true",
        default=ABSENT,
        help="without a schema.json: also run SQLite's quick_check, which reads the whole file",
    )


def health(parser: Any) -> None:
    parser.add_argument(
        "--ready", action="store_true", default=ABSENT, help="only whether the application can use the database now"
    )


def advise(parser: Any) -> None:
    parser.add_argument(
        "--indexes",
        nargs="?",
        const="",
        default=ABSENT,
        metavar="FILE",
        help="propose indexes for the SQL statements in this file, one a line or separated by semicolons "
        "(default: those that the backend has measured)",
    )
