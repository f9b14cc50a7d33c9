"""The command line of `manage.py schemasync`: a parser for the sync, and one for each other action.

A required argument must not share its name with an option of another action: `call_command` would ask for it there.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ..actions.addressed import USES, WITH_TENANT
from ..errors import UsageError
from .schedules import KINDS

ABSENT = argparse.SUPPRESS

EXIT_CODES = (
    "exit codes: 0 done or nothing to do; 1 what is compared differs (check, --check), or is not healthy (health); "
    "2 usage; 3 refused, nothing was written; 4 failed, the live file is untouched; 5 busy, try again; "
    "6 a person must look"
)

_FLAGS = ("--no-color", "--force-color", "--traceback")
_OPTIONS = ("--settings", "--pythonpath")

ACTIONS = {
    "plan": "show what a sync would do and why; change nothing",
    "rehearse": "do all that a sync does, except for the swap; show time, disk, pause, the way back and query plans",
    "check": "exit 1 if models, schema.json and the database differ; or what the next migrate would destroy",
    "status": "show what is live, what a run is doing, and what needs a person",
    "health": "exit 1 unless the database can be used and needs no person; cheap, for monitors",
    "metrics": "show what the backend has measured: commits, waits, busy errors, times by table",
    "advise": "say from what was measured whether the database outgrows SQLite, and what would help it",
    "history": "list the generations: when, what, by whom, which is live, which are gone",
    "rollback": "make an earlier generation live again, at once; asks first",
    "switch": "go to the schema.json of another git branch, in development; lose nothing of this one",
    "inspect": "print the schema.json of any SQLite file, or of a folder of .sql files",
    "ddl": "print the DDL of schema.json for PostgreSQL, or for SQLite",
    "move": "move the database to PostgreSQL while writers go on, and close the file; or go back to it",
    "adopt": "take over an existing plain database file",
    "eject": "go back to migrations: write the missing files, and make the database a plain file again",
    "prune": "remove old archives, never the live file or the newest archive; or applied hints from schema.json",
    "snapshot": "write a plain, compact copy of the live database",
    "backup": "store a verified, compressed copy of the live database elsewhere",
    "backups": "list the backups, and the archives",
    "drill": "restore the newest backup on trial, check it, and remove it again; exit 1 if that fails",
    "restore": "make a backup live, as a new generation; asks first",
    "litestream": "let Litestream replicate the live file across swaps; restore any moment from its replica",
    "cutover": "cut over a run that was started with --postpone",
    "tenants": "bring the files of all tenants to their schema, or back; back them up; show who is behind or failed",
    "hash": "print the version of a schema.json",
    "export": "write the tables of the installed models into schema.json; replaces makemigrations",
    "models": "write models.py from schema.json, for the tables that no model owns",
}

SEEN_HERE = (
    "accept that this database never ran this migration, which runs Python or SQL of its own, and does not need it; "
    "may be repeated"
)


def add(parser: Any) -> None:
    """Add all options. Without an action the command runs a sync."""
    parser.epilog = EXIT_CODES
    _ends_with_2(parser)
    _common(parser, "sync")
    _sync_options(parser)
    parser.add_argument(
        "--export", action="store_true", default=ABSENT, help="write the models into schema.json first, then sync"
    )
    parser.add_argument(
        "--report",
        action="append",
        default=ABSENT,
        metavar="FILE",
        help="write a report of the run to this .html or .json file, also if it fails; may be repeated",
    )
    _seen(parser, SEEN_HERE)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", parser_class=ActionParser)
    for name, text in ACTIONS.items():
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=_epilog(name))
        sub.will_have(partial(_add_options, sub, name))


class ActionParser(CommandParser):
    """The parser of one action. A command line names one action, so the others get no options: to add all 300 takes a
    fifth of a command that has nothing to do. `call_command` reads the options of all: there they are added at once."""

    _add: Callable[[], None] | None = None

    def will_have(self, add: Callable[[], None]) -> None:
        self._add = add
        if not self.called_from_command_line:
            self._complete()

    def _complete(self) -> None:
        add, self._add = self._add, None
        if add is not None:
            add()

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        self._complete()
        return super().parse_known_args(*args, **kwargs)


def _add_options(parser: ActionParser, action: str) -> None:
    _ends_with_2(parser)
    _common(parser, action)
    if action in _ADD:
        _ADD[action](parser)
    _of_django(parser)


def _epilog(action: str) -> str:
    """The exit codes, and the options that are accepted but not listed, because they have no effect or are Django's."""
    idle = [f"--{name}" for name in ("database", "schema", "wait", "noinput") if name not in USES[action]]
    no_use = f"{', '.join(idle)} (no effect here, so that a script can pass them to every action), " if idle else ""
    return f"{EXIT_CODES}. Also accepted: {no_use}{', '.join((*_FLAGS, *_OPTIONS))} (as by every Django command)"


def _ends_with_2(parser: Any) -> None:
    """Usage errors exit with 2 under `call_command`, too."""
    told = parser.error

    def error(message: str) -> None:
        try:
            told(message)
        except CommandError as found:
            raise CommandError(str(found), returncode=UsageError.exit_code) from None

    parser.error = error


def action_in(words: Sequence[str]) -> str:
    """The action that a command line names, even if the rest is invalid."""
    return next((word for word in words if word in ACTIONS), "sync")


def _common(parser: Any, action: str) -> None:
    def text(name: str, words: str) -> str:
        return words if name in USES[action] else ABSENT

    parser.add_argument(
        "--database", default=ABSENT, metavar="ALIAS", help=text("database", "which of DATABASES (default: default)")
    )
    if "all" in USES[action]:
        parser.add_argument(
            "--all", action="store_true", default=ABSENT, help="every SQLite database of DATABASES, one after the other"
        )
    if action in WITH_TENANT:
        parser.add_argument(
            "--tenant", default=ABSENT, metavar="KEY", help="the tenant, in a project with a database for each"
        )
    parser.add_argument(
        "--schema",
        default=ABSENT,
        type=Path,
        metavar="PATH",
        help=text("schema", "the schema.json (default: the setting, or the one beside manage.py)"),
    )
    parser.add_argument(
        "--wait",
        default=ABSENT,
        type=float,
        metavar="SECONDS",
        help=text("wait", "how long to wait for another run and for writers (default: 30)"),
    )
    parser.add_argument(
        "--noinput",
        "--no-input",
        dest="noinput",
        action="store_true",
        default=ABSENT,
        help=text("noinput", "act without asking"),
    )
    parser.add_argument(
        "--json", action="store_true", default=ABSENT, help="print one JSON object, and nothing else, on stdout"
    )


def _of_django(parser: Any) -> None:
    """Options of every Django command, which this command accepts after the action, too."""
    parser.add_argument(
        "-v", "--verbosity", default=ABSENT, type=int, choices=[0, 1, 2, 3], help="2 shows every detail"
    )
    for flag in _FLAGS:
        parser.add_argument(flag, action="store_true", default=ABSENT, help=ABSENT)
    for option in _OPTIONS:
        parser.add_argument(option, default=ABSENT, help=ABSENT)


def _sync_options(parser: Any) -> None:
    _allowed(parser)
    parser.add_argument(
        "--in-place",
        action="store_true",
        default=ABSENT,
        help="alter the live file itself, in one short transaction, for new columns, indexes and renames alone",
    )
    _rebuild_all(parser)
    _block_writers(parser, "let writers wait while the new file is built, instead of capturing what they write")
    _pause(parser, "milliseconds that writers may wait, at the cut-over or with --in-place (default: 250)")
    _cutover_timeout(parser)
    parser.add_argument(
        "--postpone",
        action="store_true",
        default=ABSENT,
        help="build and verify, then keep catching up until `schemasync cutover` is called",
    )
    _verify(parser, "full: verify the kept tables, too, or the live file of a current database")


def _allowed(parser: Any) -> None:
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


def _rebuild_all(parser: Any) -> None:
    parser.add_argument(
        "--rebuild-all",
        action="store_true",
        default=ABSENT,
        help="rewrite every table, not only those that change (defragments)",
    )


def _block_writers(parser: Any, text: str) -> None:
    parser.add_argument("--block-writers", action="store_true", default=ABSENT, help=text)


def _pause(parser: Any, text: str) -> None:
    parser.add_argument("--max-pause", type=float, default=ABSENT, metavar="MS", help=text)


def _cutover_timeout(parser: Any, when: str = "") -> None:
    text = f"{when}end, with nothing changed, if no cut-over was possible for so long (default: 600)"
    parser.add_argument("--cutover-timeout", type=float, default=ABSENT, metavar="SECONDS", help=text)


def _verify(parser: Any, text: str) -> None:
    parser.add_argument("--verify", choices=["full"], default=ABSENT, help=text)


def _seen(parser: Any, text: str) -> None:
    parser.add_argument("--accept-data-migration", action="append", default=ABSENT, metavar="APP.MIGRATION", help=text)


def _plan(parser: Any) -> None:
    _sync_options(parser)
    _seen(parser, SEEN_HERE)
    parser.add_argument("--sql", action="store_true", default=ABSENT, help="print the statements, for people to read")


def _rehearse(parser: Any) -> None:
    _allowed(parser)
    _rebuild_all(parser)
    _pause(parser, "milliseconds that writers may wait at the cut-over (default: 250)")
    _cutover_timeout(parser)
    _verify(parser, "full: verify the kept tables, too")
    _seen(parser, SEEN_HERE)
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


def _check(parser: Any) -> None:
    parser.add_argument(
        "--strict", action="store_true", default=ABSENT, help="also exit 1 for objects that schema.json does not name"
    )
    parser.add_argument(
        "--quick-check",
        action="store_true",
        default=ABSENT,
        help="without a schema.json: also run SQLite's quick_check, which reads the whole file",
    )


def _rollback(parser: Any) -> None:
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
    _pause(parser, "milliseconds that writers may wait with --in-place or --keep-writes (default: 250)")
    _block_writers(parser, "with --in-place or --keep-writes: let writers wait for as long as it takes")
    _cutover_timeout(parser, "with --keep-writes: ")
    _verify(parser, "with --keep-writes: verify the kept tables, too")


def _switch(parser: Any) -> None:
    parser.add_argument(
        "--leave-behind",
        action="store_true",
        default=ABSENT,
        help="bring nothing back that is missing in the present database and stands in an archive",
    )


def _health(parser: Any) -> None:
    parser.add_argument(
        "--ready", action="store_true", default=ABSENT, help="only whether the application can use the database now"
    )


def _advise(parser: Any) -> None:
    parser.add_argument(
        "--indexes",
        nargs="?",
        const="",
        default=ABSENT,
        metavar="FILE",
        help="propose indexes for the SQL statements in this file, one a line or separated by semicolons "
        "(default: those that the backend has measured)",
    )


def _inspect(parser: Any) -> None:
    parser.add_argument(
        "source",
        type=Path,
        metavar="FILE",
        help="a SQLite file, a folder of numbered .sql files, or a generation",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=ABSENT, metavar="OUT", help="write it to this file (--noinput: replace it)"
    )


def _ddl(parser: Any) -> None:
    parser.add_argument(
        "--engine",
        choices=("postgres", "sqlite"),
        default=ABSENT,
        help="the database system whose DDL it is (default: postgres)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=ABSENT, metavar="OUT", help="write it to this file (--noinput: replace it)"
    )


def _move(parser: Any) -> None:
    parser.add_argument(
        "--to", default=ABSENT, metavar="ALIAS", help="the entry of DATABASES that is the PostgreSQL to move to"
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        default=ABSENT,
        help="say what a move would do, and change nothing",
    )
    _pause(parser, "milliseconds that writers may wait at the cut-over (default: 250)")
    _cutover_timeout(parser)
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


def _prune(parser: Any) -> None:
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


def _snapshot(parser: Any) -> None:
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


def _to(parser: Any, option: str = "--to") -> None:
    parser.add_argument(
        option,
        default=ABSENT,
        metavar="STORAGE",
        help="a name of STORAGES, a folder or a URL (default: its schemasync-backups, else beside the database)",
    )


def _print_schedule(parser: Any, text: str) -> None:
    parser.add_argument("--print-schedule", choices=KINDS, default=ABSENT, help=text)


def _backup(parser: Any) -> None:
    _to(parser)
    _print_schedule(parser, "make no backup; print a schedule for one every hour and a drill every week")
    parser.add_argument("--compact", action="store_true", default=ABSENT, help="without the free pages of the file")
    parser.add_argument(
        "--prune",
        action="store_true",
        default=ABSENT,
        help="then remove the backups that none of the last 24 hours, 14 days, 8 weeks and 12 months needs",
    )


def _from(parser: Any) -> None:
    _to(parser, "--from")
    parser.add_argument(
        "--identity",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="of age, for an encrypted backup (default: that of SCHEMASYNC_IDENTITY_FILE or SCHEMASYNC_IDENTITY)",
    )


def _drill(parser: Any) -> None:
    _from(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        default=ABSENT,
        help="restore nothing; exit 1 if the last drill failed or is overdue",
    )


def _restore(parser: Any) -> None:
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
    _from(parser)
    parser.add_argument(
        "--sync", action="store_true", default=ABSENT, help="bring it to schema.json first, with all its rows"
    )
    parser.add_argument(
        "--dry-run", action="store_true", default=ABSENT, help="fetch and check it, and show what would be set aside"
    )


def _litestream(parser: Any) -> None:
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


def _tenants(parser: Any) -> None:
    parser.add_argument(
        "what",
        choices=["sync", "status", "report", "rollback", "backup", "create", "routes", "move", "receive", "balance"],
        metavar="sync|status|report|rollback|backup|create|routes|move|receive|balance",
        help="sync: the template, a few tenants, then the rest; status: versions and failures of all; report: the rows "
        "of one SELECT on all files, which only reads; rollback: one tenant, or all that went with a release; backup: "
        "each tenant; create: a new one, with a copy of the template; routes: which host each one is on, for a proxy; "
        "move: one, to another host; receive: the other side of a move, which it starts; "
        "balance: proposes moves",
    )
    parser.add_argument(
        "subject",
        nargs="?",
        default=ABSENT,
        metavar="SQL|KEY",
        help="report: the SELECT; rollback, create, move: the tenant",
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
    _to(parser)
    parser.add_argument(
        "--apply", action="store_true", default=ABSENT, help="balance: make the best move that begins on this host"
    )
    parser.add_argument(
        "--max-moves", type=int, default=ABSENT, metavar="N", help="balance: with --apply, so many (default: 1)"
    )
    parser.add_argument(
        "--undo", action="store_true", default=ABSENT, help="move: open the file again that a move has closed here"
    )
    _pause(parser, "move, balance: milliseconds that writers may wait (default: 250)")
    _cutover_timeout(parser, "move, balance: ")
    parser.add_argument(
        "--due",
        default=ABSENT,
        type=float,
        metavar="HOURS",
        help="backup: only tenants whose newest backup is older (default: all)",
    )
    _print_schedule(parser, "backup: make none; print a schedule that makes those that are due every hour")
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
        help="report, backup: only this tenant; may be repeated (default: all that are active or suspended)",
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
        help="processes of a sync, rollback or backup (default: 1), threads of a report (default: 4)",
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


def _hash(parser: Any) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=None,
        metavar="FILE",
        help="a schema.json (default: the one of the database)",
    )


def _export(parser: Any) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        default=ABSENT,
        help="write nothing; exit 1 if models and schema.json differ",
    )
    parser.add_argument(
        "--claim",
        action="store_true",
        default=ABSENT,
        help="let models own their tables that have no _model yet; what these have beyond the models is kept",
    )
    parser.add_argument(
        "--drop",
        action="append",
        default=ABSENT,
        metavar="TABLE[.COLUMN]",
        help="this table or column is dropped, not renamed; may be repeated",
    )
    _seen(parser, "accept this migration, which runs Python or SQL of its own; may be repeated")


def _adopt(parser: Any) -> None:
    _seen(parser, SEEN_HERE)


def _eject(parser: Any) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", default=ABSENT, help="only list the migrations that it would write"
    )


def _models(parser: Any) -> None:
    parser.add_argument(
        "--app",
        default=ABSENT,
        metavar="LABEL",
        help="the app of the models: write into its models.py, and leave out tables that have a model elsewhere",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="write into this file, and keep other code in it",
    )
    parser.add_argument(
        "--check", action="store_true", default=ABSENT, help="write nothing; exit 1 if the file would change"
    )


_ADD = {
    "adopt": _adopt,
    "eject": _eject,
    "plan": _plan,
    "rehearse": _rehearse,
    "check": _check,
    "health": _health,
    "advise": _advise,
    "rollback": _rollback,
    "switch": _switch,
    "inspect": _inspect,
    "ddl": _ddl,
    "move": _move,
    "prune": _prune,
    "snapshot": _snapshot,
    "backup": _backup,
    "backups": _to,
    "drill": _drill,
    "restore": _restore,
    "litestream": _litestream,
    "tenants": _tenants,
    "hash": _hash,
    "export": _export,
    "models": _models,
}
