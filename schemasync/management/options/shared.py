"""Options that several actions have."""

from __future__ import annotations

import argparse
from typing import Any

from ..schedules import KINDS

ABSENT = argparse.SUPPRESS

SEEN_HERE = (
    "accept that this database never ran this migration, which runs Python or SQL of its own, and does not need it; "
    "may be repeated"
)


def sync_options(parser: Any) -> None:
    allowed(parser)
    parser.add_argument(
        "--in-place",
        action="store_true",
        default=ABSENT,
        help="alter the live file itself, in one short transaction, if the plan has only new columns, indexes, renames "
        "and changed views and triggers",
    )
    rebuild_all(parser)
    block_writers(parser, "let writers wait while the new file is built, instead of capturing what they write")
    pause(parser, "milliseconds that writers may wait, at the cut-over or with --in-place (default: 250)")
    cutover_timeout(parser)
    parser.add_argument(
        "--postpone",
        action="store_true",
        default=ABSENT,
        help="build and verify, then keep catching up until `schemasync cutover` is called",
    )
    verify(parser, "full: verify the kept tables, too, or the live file of a current database")


def allowed(parser: Any) -> None:
    parser.add_argument(
        "--allow-drop",
        action="append",
        default=ABSENT,
        metavar="TABLE[.COLUMN]",
        help="allow this table or column to be dropped, with its data; may be repeated",
    )
    parser.add_argument(
        "--allow-older",
        action="store_true",
        default=ABSENT,
        help="go to a version that this database had earlier, with today's rows",
    )
    parser.add_argument(
        "--repair", action="store_true", default=ABSENT, help="undo changes to the schema that were made by hand"
    )


def rebuild_all(parser: Any) -> None:
    parser.add_argument(
        "--rebuild-all",
        action="store_true",
        default=ABSENT,
        help="rewrite every table, not only those that change (defragments)",
    )


def block_writers(parser: Any, text: str) -> None:
    parser.add_argument("--block-writers", action="store_true", default=ABSENT, help=text)


def pause(parser: Any, text: str) -> None:
    parser.add_argument("--max-pause", type=float, default=ABSENT, metavar="MS", help=text)


def cutover_timeout(parser: Any, when: str = "") -> None:
    text = f"{when}end, with nothing changed, if no cut-over was possible for so long (default: 600)"
    parser.add_argument("--cutover-timeout", type=float, default=ABSENT, metavar="SECONDS", help=text)


def verify(parser: Any, text: str) -> None:
    parser.add_argument("--verify", choices=["full"], default=ABSENT, help=text)


def seen(parser: Any, text: str) -> None:
    parser.add_argument("--accept-data-migration", action="append", default=ABSENT, metavar="APP.MIGRATION", help=text)


def to_storage(parser: Any, option: str = "--to") -> None:
    parser.add_argument(
        option,
        default=ABSENT,
        metavar="STORAGE",
        help="a name of STORAGES, a folder or a URL (default: its schemasync-backups, else beside the database)",
    )


def print_schedule(parser: Any, text: str) -> None:
    parser.add_argument("--print-schedule", choices=KINDS, default=ABSENT, help=text)
