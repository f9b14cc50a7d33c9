"""The command line of `manage.py schemasync`: a parser for the sync, and one for each other action.

A required argument must not share its name with an option of another action: `call_command` would require it there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...actions.addressed import USES, WITH_TENANT
from ...errors import UsageError
from .shared import ABSENT, SEEN_HERE, seen, sync_options

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
    "tenants": "bring the files of all tenants to their schema, or back; back them up; show who has problems",
    "hash": "print the version of a schema.json",
    "export": "write the tables of the installed models into schema.json; replaces makemigrations",
    "models": "write models.py from schema.json, for the tables that no model owns",
}


def add(parser: Any) -> None:
    """Add all options. Without an action the command runs a sync."""
    parser.epilog = EXIT_CODES
    _ends_with_2(parser)
    _common(parser, "sync")
    sync_options(parser)
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
    seen(parser, SEEN_HERE)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", parser_class=ActionParser)
    for name, text in ACTIONS.items():
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=_epilog(name))
        sub.will_have(partial(_add_options, sub, name))


class ActionParser(CommandParser):
    """The parser of one action. A command line names one action, so the others get no options: adding all 300 takes a
    fifth of the time of a command with nothing to do. `call_command` reads the options of all actions, so then they are
    added at once."""

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
    if action in _MODULES:
        module = import_module(f".{_MODULES[action]}", __package__)
        getattr(module, action)(parser)
    _of_django(parser)


def _epilog(action: str) -> str:
    """Return the exit codes, and the options that are accepted but not listed, because they have no effect or are
    Django's."""
    idle = [f"--{name}" for name in ("database", "schema", "wait", "noinput") if name not in USES[action]]
    no_use = f"{', '.join(idle)} (no effect here, so that a script can pass them to every action), " if idle else ""
    return f"{EXIT_CODES}. Also accepted: {no_use}{', '.join((*_FLAGS, *_OPTIONS))} (as by every Django command)"


def _ends_with_2(parser: Any) -> None:
    """Let usage errors exit with 2 under `call_command`, too."""
    report = parser.error

    def error(message: str) -> None:
        try:
            report(message)
        except CommandError as found:
            raise CommandError(str(found), returncode=UsageError.exit_code) from None

    parser.error = error


def action_in(words: Sequence[str]) -> str:
    """Return the action that a command line names, even if the rest is invalid; `sync` if it names none."""
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
    """Add the options of every Django command, which this command accepts after the action, too."""
    parser.add_argument(
        "-v", "--verbosity", default=ABSENT, type=int, choices=[0, 1, 2, 3], help="2 shows every detail"
    )
    for flag in _FLAGS:
        parser.add_argument(flag, action="store_true", default=ABSENT, help=ABSENT)
    for option in _OPTIONS:
        parser.add_argument(option, default=ABSENT, help=ABSENT)


_MODULES = {
    "plan": "changes",
    "rehearse": "changes",
    "rollback": "changes",
    "switch": "changes",
    "adopt": "changes",
    "eject": "changes",
    "move": "changes",
    "prune": "backups",
    "snapshot": "backups",
    "backup": "backups",
    "drill": "backups",
    "restore": "backups",
    "litestream": "backups",
    "check": "checks",
    "health": "checks",
    "advise": "checks",
    "inspect": "documents",
    "ddl": "documents",
    "hash": "documents",
    "export": "documents",
    "models": "documents",
    "tenants": "tenants",
    "backups": "backups",
}
"""Maps each action with options of its own to the module in which the function of the same name adds them."""
