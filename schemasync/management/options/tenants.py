"""Options of `schemasync tenants`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import Code, UsageError
from .shared import ABSENT, cutover_timeout, pause, print_schedule, to_storage

WORDS = (
    "sync", "status", "health", "report", "rollback", "backup", "create", "suspend", "activate", "archive", "delete",
    "routes", "move", "receive", "balance",
)  # fmt: skip

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "sync": ("all_hosts", "group", "canary", "stop_at", "workers", "retry"),
    "status": ("group",),
    "health": ("group", "tenant", "workers"),
    "report": ("subject", "group", "tenant", "format", "seconds", "most_rows", "workers"),
    "rollback": (
        "subject", "release", "leave_writes", "keep_writes", "dry_run",
        "group", "canary", "stop_at", "workers", "retry",
    ),
    "backup": ("group", "tenant", "due", "to", "compact", "prune", "dry_run", "workers", "print_schedule"),
    "create": ("subject", "name", "host", "label", "group", "pinned"),
    "suspend": ("subject",),
    "activate": ("subject",),
    "archive": ("subject",),
    "delete": ("subject", "confirm"),
    "routes": ("format", "output"),
    "move": ("subject", "to", "undo", "max_pause", "cutover_timeout"),
    "receive": (),
    "balance": ("apply", "max_moves", "max_pause", "cutover_timeout"),
}  # fmt: skip
"""The options that each word uses. Others are refused: to ignore an option could do more than the user wants."""

OF_RELEASE = ("group", "canary", "stop_at", "workers", "retry")
"""Options of a rollback that do not apply to a single tenant."""


def refuse_unused(given: Mapping[str, Any]) -> None:
    """Raise UsageError for options that the word does not use."""
    what = given["what"]
    known = {name for names in OPTIONS.values() for name in names}
    unused = known - set(OPTIONS[what])
    if what == "rollback" and given.get("subject"):
        unused |= set(OF_RELEASE)
    if found := sorted(name for name in unused if given.get(name)):
        shown = ["KEY" if name == "subject" else f"--{_option(name)}" for name in found]
        raise UsageError.of(
            Code.BAD_OPTION, f"tenants {what} has no use for {', '.join(shown)}", "Nothing was done. Remove it."
        )


def _option(name: str) -> str:
    return {"release": "version"}.get(name, name.replace("_", "-"))


def tenants(parser: Any) -> None:
    parser.add_argument(
        "what",
        choices=WORDS,
        metavar="|".join(WORDS),
        help="sync: the template, a few tenants, then the rest; status: versions, failures, sizes and health of all; "
        "health: asks each whether its database can be used; report: the rows of one SELECT on all files, which only "
        "reads; rollback: one tenant, or all that went with a release; backup: each tenant; create: a new one, with a "
        "copy of the template; suspend: requests for one get 503; activate: takes that back, or puts an archived one "
        "back; archive: puts the folder of one out of the way, whole; delete: removes an archived one with its file; "
        "routes: which host each one is on, for a proxy; move: one, to another host; receive: "
        "the other side of a move, which it starts; balance: proposes moves",
    )
    parser.add_argument(
        "subject",
        nargs="?",
        default=ABSENT,
        metavar="SQL|KEY",
        help="report: the SELECT; rollback, create, suspend, activate, archive, delete, move: the tenant",
    )
    parser.add_argument(
        "--confirm",
        default=ABSENT,
        metavar="KEY",
        help="delete: the key of the tenant once more, in place of a question",
    )
    parser.add_argument("--name", default=ABSENT, metavar="NAME", help="create: the name of the tenant")
    parser.add_argument(
        "--host", default=ABSENT, metavar="HOST", help="create: which of HOSTS (default: a proposed one)"
    )
    parser.add_argument(
        "--label",
        action="append",
        default=ABSENT,
        metavar="NAME=VALUE",
        help="create: what its host has to have; the option may be repeated",
    )
    parser.add_argument(
        "--all-hosts",
        action="store_true",
        default=ABSENT,
        help="sync: ask the workers of all HOSTS for it, by Django's tasks",
    )
    parser.add_argument(
        "--group", default=ABSENT, metavar="GROUP", help="only tenants in this group; create: its group"
    )
    parser.add_argument(
        "--pinned", action="store_true", default=ABSENT, help="create: propose no other host for it later"
    )
    parser.add_argument(
        "--version",
        dest="release",
        default=ABSENT,
        metavar="VERSION",
        help="rollback: all tenants that have this version, to the one before it; the first digits are enough",
    )
    parser.add_argument(
        "--leave-writes",
        action="store_true",
        default=ABSENT,
        help="rollback: leave what was written since in the file of the release, which is kept",
    )
    parser.add_argument(
        "--keep-writes",
        action="store_true",
        default=ABSENT,
        help="rollback: build files with the earlier schema and the rows of today",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        default=ABSENT,
        help="rollback: only count what was written since; backup: only list whose is due",
    )
    to_storage(parser)
    parser.add_argument(
        "--apply", action="store_true", default=ABSENT, help="balance: make the best move that begins on this host"
    )
    parser.add_argument(
        "--max-moves", type=int, default=ABSENT, metavar="N", help="balance: with --apply, so many (default: 1)"
    )
    parser.add_argument(
        "--undo", action="store_true", default=ABSENT, help="move: open the file again that a move has closed here"
    )
    pause(parser, "move, balance: milliseconds that writers may wait (default: 250)")
    cutover_timeout(parser, "move, balance: ")
    parser.add_argument(
        "--due",
        default=ABSENT,
        type=float,
        metavar="HOURS",
        help="backup: only tenants whose newest backup is older (default: all)",
    )
    print_schedule(parser, "backup: make none; print a schedule that makes those that are due every hour")
    parser.add_argument("--compact", action="store_true", default=ABSENT, help="backup: without free pages")
    parser.add_argument(
        "--prune",
        action="store_true",
        default=ABSENT,
        help="backup: then remove those that are not needed any more",
    )
    parser.add_argument(
        "--format",
        choices=["table", "csv", "nginx", "caddy", "json"],
        default=ABSENT,
        help="report: table, which is the default, or csv; routes: nginx, which is the default, caddy or json",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=ABSENT,
        metavar="OUT",
        help="routes: write it to this file, which is replaced as a whole",
    )
    parser.add_argument(
        "--tenant",
        action="append",
        default=ABSENT,
        metavar="KEY",
        help="report, backup, health: only this tenant; may be repeated (default: all that are active or suspended)",
    )
    parser.add_argument(
        "--seconds", default=ABSENT, type=float, metavar="N", help="report: for each file (default: 10)"
    )
    parser.add_argument(
        "--most-rows", default=ABSENT, type=int, metavar="N", help="report: of each file (default: 10,000)"
    )
    parser.add_argument(
        "--canary", default=ABSENT, metavar="PERCENT", help="sync, rollback: tenants that go first (default: 1%%)"
    )
    parser.add_argument(
        "--workers",
        default=ABSENT,
        type=int,
        metavar="N",
        help="processes of a sync, rollback, backup or health (default: 1), threads of a report (default: 4)",
    )
    parser.add_argument(
        "--stop-at",
        default=ABSENT,
        metavar="PERCENT",
        help="sync, rollback: stop when a larger share has failed (default: 2%%)",
    )
    parser.add_argument(
        "--retry", action="store_true", default=ABSENT, help="sync, rollback: only those that failed last time"
    )
