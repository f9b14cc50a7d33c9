"""Options of the actions that make, restore or remove copies of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .shared import ABSENT, print_schedule, to_storage


def prune(parser: Any) -> None:
    parser.add_argument(
        "--keep", type=int, default=ABSENT, metavar="N", help="archives to keep (default: the setting KEEP)"
    )
    parser.add_argument(
        "--older-than", type=float, default=ABSENT, metavar="DAYS", help="remove only those superseded longer ago"
    )
    parser.add_argument(
        "--hints",
        action="store_true",
        default=ABSENT,
        help="remove no archives, but the hints from schema.json that do not act again on this database",
    )
    parser.add_argument(
        "--branches",
        action="store_true",
        default=ABSENT,
        help="also archives that a switch left, and from which the columns and tables of another git branch come back",
    )
    parser.add_argument(
        "--set-aside",
        action="store_true",
        default=ABSENT,
        help="also archives that may be the only files with some rows, after a rollback, a restored backup or an eject",
    )
    parser.add_argument("--dry-run", action="store_true", default=ABSENT, help="only list what would be removed")


def snapshot(parser: Any) -> None:
    parser.add_argument("copy", type=Path, metavar="OUT", help="the file to write; it must not exist")
    parser.add_argument(
        "--mask",
        type=Path,
        default=ABSENT,
        metavar="RULES",
        help="give the personal columns that this JSON file names other values of the same form",
    )
    parser.add_argument(
        "--seed",
        default=ABSENT,
        metavar="TEXT",
        help="with --mask: a secret with which each copy gets the same values (default: a random one, not kept)",
    )


def backup(parser: Any) -> None:
    to_storage(parser)
    print_schedule(parser, "make no backup; print a schedule for one every hour and a drill every week")
    parser.add_argument("--compact", action="store_true", default=ABSENT, help="without the free pages of the file")
    parser.add_argument(
        "--prune",
        action="store_true",
        default=ABSENT,
        help="then remove the backups that none of the last 24 hours, 14 days, 8 weeks and 12 months needs",
    )


def from_storage(parser: Any) -> None:
    to_storage(parser, "--from")
    parser.add_argument(
        "--identity",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="of age, for an encrypted backup (default: that of SCHEMASYNC_IDENTITY_FILE or SCHEMASYNC_IDENTITY)",
    )


def drill(parser: Any) -> None:
    from_storage(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        default=ABSENT,
        help="restore nothing; exit 1 if the last drill failed or is overdue",
    )


def restore(parser: Any) -> None:
    parser.add_argument(
        "backup",
        nargs="?",
        default="",
        metavar="BACKUP",
        help="the name of a backup or an archive, or its beginning; the path of a file; or litestream "
        "(default: the newest backup)",
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="write a plain file, which must not exist, and leave the live database alone",
    )
    parser.add_argument(
        "--at",
        default=ABSENT,
        metavar="TIME",
        help="the newest backup or archive until this time, in UTC, or what Litestream holds of it",
    )
    from_storage(parser)
    parser.add_argument(
        "--sync", action="store_true", default=ABSENT, help="bring it to schema.json first, with all its rows"
    )
    parser.add_argument(
        "--dry-run", action="store_true", default=ABSENT, help="fetch and check it, and show what would be set aside"
    )


def litestream(parser: Any) -> None:
    parser.add_argument(
        "what",
        choices=["config", "register", "restore"],
        metavar="config|register|restore",
        help="config: print the daemon's configuration; register: let it replicate the live file; restore: a moment",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="config: write it to this file (default: print it)",
    )
    parser.add_argument(
        "--into", type=Path, default=ABSENT, metavar="FILE", help="restore: the file to write; it must not exist"
    )
    parser.add_argument("--at", default=ABSENT, metavar="TIME", help="restore: the state of this time, in UTC")


def backups(parser: Any) -> None:
    to_storage(parser)
