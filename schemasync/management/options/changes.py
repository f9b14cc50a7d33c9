"""Options of the actions that change a database, or preview a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .shared import (
    ABSENT,
    SEEN_HERE,
    allowed,
    block_writers,
    cutover_timeout,
    pause,
    rebuild_all,
    seen,
    sync_options,
    verify,
)


def plan(parser: Any) -> None:
    sync_options(parser)
    seen(parser, SEEN_HERE)
    parser.add_argument("--sql", action="store_true", default=ABSENT, help="print the statements, for people to read")


def rehearse(parser: Any) -> None:
    allowed(parser)
    rebuild_all(parser)
    pause(parser, "milliseconds that writers may wait at the cut-over (default: 250)")
    cutover_timeout(parser)
    verify(parser, "full: verify the kept tables, too")
    seen(parser, SEEN_HERE)
    parser.add_argument(
        "--at",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="rehearse on a copy of this database file, such as a snapshot; the copy is removed, too",
    )
    parser.add_argument(
        "--queries",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="compare the query plans of the SQL statements in this file; none of them is run",
    )


def rollback(parser: Any) -> None:
    parser.add_argument(
        "target",
        nargs="?",
        default=None,
        metavar="GENERATION|VERSION",
        help="as `history` shows it: 0002-3f2a9c1b6d2e, 2, or the first digits of a version (default: the one before)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", default=ABSENT, help="only show what was written since; change nothing"
    )
    parser.add_argument(
        "--in-place",
        action="store_true",
        default=ABSENT,
        help="undo the last alteration by `schemasync --in-place`, in the live file and with all rows",
    )
    parser.add_argument(
        "--keep-writes",
        action="store_true",
        default=ABSENT,
        help="build a file with the earlier schema and today's rows, while writers go on",
    )
    parser.add_argument(
        "--fill",
        action="append",
        default=ABSENT,
        metavar="TABLE.COLUMN=SQL",
        help="with --keep-writes: what the column gets, over the row of today; may be repeated",
    )
    parser.add_argument(
        "--allow-drop",
        action="append",
        default=ABSENT,
        metavar="TABLE[.COLUMN]",
        help="with --keep-writes: leave out what was written to this since; may be repeated",
    )
    pause(parser, "milliseconds that writers may wait with --in-place or --keep-writes (default: 250)")
    block_writers(parser, "with --in-place or --keep-writes: let writers wait for as long as it takes")
    cutover_timeout(parser, "with --keep-writes: ")
    verify(parser, "with --keep-writes: verify the kept tables, too")


def switch(parser: Any) -> None:
    parser.add_argument(
        "--leave-behind",
        action="store_true",
        default=ABSENT,
        help="bring nothing back that is missing in the present database and stands in an archive",
    )


def adopt(parser: Any) -> None:
    seen(parser, SEEN_HERE)


def eject(parser: Any) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", default=ABSENT, help="only list the migrations that it would write"
    )


def move(parser: Any) -> None:
    parser.add_argument(
        "--to", default=ABSENT, metavar="ALIAS", help="the entry of DATABASES that is the PostgreSQL to move to"
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        default=ABSENT,
        help="say what a move would do, and change nothing",
    )
    pause(parser, "milliseconds that writers may wait at the cut-over (default: 250)")
    cutover_timeout(parser)
    parser.add_argument(
        "--postpone",
        action="store_true",
        default=ABSENT,
        help="copy and compare, then keep catching up until `schemasync cutover` is called",
    )
    parser.add_argument(
        "--undo", action="store_true", default=ABSENT, help="close PostgreSQL to writers, and open the file again"
    )
    parser.add_argument(
        "--leave-writes",
        action="store_true",
        default=ABSENT,
        help="with --undo: go back although rows were written on PostgreSQL, which stay there",
    )
