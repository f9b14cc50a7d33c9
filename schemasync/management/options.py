"""The command line of `manage.py schemasync`: one parser for the main job, one for each other action.

A required argument must not share its name with an option of another action: `call_command` would ask for it there.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS

from ..errors import Code, UsageError

ABSENT = argparse.SUPPRESS

EXIT_CODES = (
    "exit codes: 0 done or nothing to do; 1 what is compared differs (check, export --check); 2 usage; 3 refused, "
    "nothing was written; 4 failed, the live file is untouched; 5 busy, try again; 6 a person must look"
)

_FLAGS = ("--no-color", "--force-color", "--traceback")
_OPTIONS = ("--settings", "--pythonpath")

ACTIONS = {
    "plan": "show what a sync would do and why; change nothing",
    "check": "exit 1 if models, schema.json and the database differ; or what the next migrate would destroy",
    "status": "say what is live, what a run is at, and what needs a person",
    "history": "list the generations: when, what, who, which is live, which are gone",
    "rollback": "go back to an earlier generation, at once; asks first",
    "inspect": "print the schema.json of any SQLite file, or of a folder of .sql files",
    "adopt": "take over an existing plain database file",
    "eject": "back to migrations: write the files that are missing, and make the database a plain file again",
    "prune": "remove old archives; never the live file or the newest archive",
    "snapshot": "write a plain, compact copy of the live database",
    "cutover": "let a run that was postponed swap its new file in",
    "hash": "print the version of a schema.json",
    "export": "write the tables of the installed models into schema.json: what makemigrations was",
}

USES = {
    "sync": ("database", "all", "schema", "wait"),
    "plan": ("database", "all", "schema"),
    "check": ("database", "all", "schema"),
    "status": ("database", "all"),
    "history": ("database", "all"),
    "rollback": ("database", "wait", "noinput"),
    "inspect": ("database", "noinput"),
    "adopt": ("database", "all", "schema", "wait"),
    "eject": ("database", "all", "schema", "wait", "noinput"),
    "prune": ("database", "all", "wait"),
    "snapshot": ("database",),
    "cutover": ("database", "all"),
    "hash": ("database", "all", "schema"),
    "export": ("database", "all", "schema", "noinput"),
}
"""Which of the common options an action uses. It takes them all, so that a script can pass them to each."""

WISHES = (
    "rebuild_all",
    "verify",
    "allow_drop",
    "allow_older",
    "repair",
    "block_writers",
    "max_pause",
    "cutover_timeout",
    "postpone",
)
"""What a sync may be asked for beside schema.json; other actions than a sync and its plan have no use for it."""


SEEN_HERE = (
    "this database never ran this migration, which runs Python or SQL of its own, and does not need it; may be given "
    "several times"
)


def add(parser: Any) -> None:
    """Add all options. Without an action the main job is done: bring the database to schema.json."""
    parser.epilog = EXIT_CODES
    _ends_with_2(parser)
    _common(parser, "sync")
    _wishes(parser)
    parser.add_argument(
        "--export", action="store_true", default=ABSENT, help="write the models into schema.json first, then sync"
    )
    _seen(parser, SEEN_HERE)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    for name, text in ACTIONS.items():
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=_epilog(name))
        _ends_with_2(sub)
        _common(sub, name)
        if name in _ADD:
            _ADD[name](sub)
        _of_django(sub)


def misplaced(action: str, given: Mapping[str, Any]) -> list[str]:
    """Options of a sync that were given to an action which has no use for them."""
    mine = [] if action == "sync" or not given.get("export") else ["--export"]
    if action in ("sync", "plan"):
        return mine
    return mine + [f"--{name.replace('_', '-')}" for name in WISHES if given.get(name)]


def _epilog(action: str) -> str:
    """The exit codes, and the options that are taken but not listed, as they have no effect or are Django's."""
    idle = [f"--{name}" for name in ("database", "schema", "wait", "noinput") if name not in USES[action]]
    no_use = f"{', '.join(idle)} (of no use here, so that a script can pass them to every action), " if idle else ""
    return f"{EXIT_CODES}. Taken as well: {no_use}{', '.join((*_FLAGS, *_OPTIONS))} (as by every Django command)"


def _ends_with_2(parser: Any) -> None:
    """Words that are not understood end in the same exit code from `call_command` as in a shell."""
    told = parser.error

    def error(message: str) -> None:
        try:
            told(message)
        except CommandError as found:
            raise CommandError(str(found), returncode=UsageError.exit_code) from None

    parser.error = error


def action_in(words: Sequence[str]) -> str:
    """The action that a command line names, though it may not be understood otherwise."""
    return next((word for word in words if word in ACTIONS), "sync")


_NUMBERS: Mapping[str, tuple[Callable[[Any], float], str]] = {
    "wait": (float, "a number of seconds, 0 or more"),
    "max_pause": (float, "a number of milliseconds, 0 or more"),
    "cutover_timeout": (float, "a number of seconds, 0 or more"),
    "keep": (int, "a number, 1 or more: the newest archive always stays"),
    "older_than": (float, f"a number of days, 0 to {timedelta.max.days - 1:,}"),
}


def read(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as values: `call_command` hands on whatever it was given. Raises UsageError."""
    found = dict(given)
    for name, (kind, what) in _NUMBERS.items():
        if found.get(name) is None:
            found.pop(name, None)
            continue
        with suppress(TypeError, ValueError, OverflowError):
            found[name] = kind(found[name])
        if not _is_allowed(name, found[name]):
            option = name.replace("_", "-")
            raise UsageError.of(Code.BAD_OPTION, f"--{option} {given[name]} cannot be used", f"Give {what}.")
    if found.get("verify") not in (None, "full"):
        raise UsageError.of(Code.BAD_OPTION, f"--verify {found['verify']} cannot be used", "Give --verify full.")
    return found


def _is_allowed(name: str, value: object) -> bool:
    if not isinstance(value, int | float):
        return False
    match name:
        case "wait" | "max_pause" | "cutover_timeout":
            return value >= 0  # which NaN is not
        case "keep":
            return value >= 1
        case _:
            return 0 <= value < timedelta.max.days


_COMMAND = re.compile(r"manage\.py schemasync(?: (?P<action>[a-z]+)\b)?")


def addressed(text: str, given: Mapping[str, Any]) -> str:
    """Commands in a hint with the options that say which database and schema are meant, so that they can be pasted."""

    def one(match: re.Match[str]) -> str:
        action = match["action"] if match["action"] in ACTIONS else "sync"
        which = [name for name in ("database", "schema") if name in USES[action] and given.get(name)]
        which = [name for name in which if given[name] != DEFAULT_DB_ALIAS]  # it is meant where nothing is said
        words = [f"--{name} {shlex.quote(str(given[name]))}" for name in which]
        place = len("manage.py schemasync") if action == "sync" else len(match[0])
        return "".join([match[0][:place], *(f" {word}" for word in words), match[0][place:]])

    return _COMMAND.sub(one, text)


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
        help=text("noinput", "ask nothing, do it"),
    )
    parser.add_argument(
        "--json", action="store_true", default=ABSENT, help="print one JSON object, and nothing else, on stdout"
    )


def _of_django(parser: Any) -> None:
    """What Django's own commands take after the action as well as before it."""
    parser.add_argument(
        "-v", "--verbosity", default=ABSENT, type=int, choices=[0, 1, 2, 3], help="2 shows every detail"
    )
    for flag in _FLAGS:
        parser.add_argument(flag, action="store_true", default=ABSENT, help=ABSENT)
    for option in _OPTIONS:
        parser.add_argument(option, default=ABSENT, help=ABSENT)


def _wishes(parser: Any) -> None:
    parser.add_argument(
        "--allow-drop",
        action="append",
        default=ABSENT,
        metavar="TABLE[.COLUMN]",
        help="this table or column may go, with its data; may be given several times",
    )
    parser.add_argument(
        "--allow-older",
        action="store_true",
        default=ABSENT,
        help="go to a version that this database has left, with its rows of today",
    )
    parser.add_argument(
        "--repair", action="store_true", default=ABSENT, help="undo changes to the schema that were made by hand"
    )
    parser.add_argument(
        "--rebuild-all",
        action="store_true",
        default=ABSENT,
        help="write every table again, not only what changes (defragments)",
    )
    parser.add_argument(
        "--block-writers",
        action="store_true",
        default=ABSENT,
        help="let writers wait while the new file is built, instead of following what they write",
    )
    parser.add_argument(
        "--max-pause",
        type=float,
        default=ABSENT,
        metavar="MS",
        help="milliseconds that writers may wait at the swap (default: 250)",
    )
    parser.add_argument(
        "--cutover-timeout",
        type=float,
        default=ABSENT,
        metavar="SECONDS",
        help="end, with nothing changed, when no moment for the swap was found for so long (default: 600)",
    )
    parser.add_argument(
        "--postpone",
        action="store_true",
        default=ABSENT,
        help="build, then follow what is written and wait until `schemasync cutover` is called",
    )
    parser.add_argument(
        "--verify",
        choices=["full"],
        default=ABSENT,
        help="full: when something is built, compare the tables that do not change, too",
    )


def _seen(parser: Any, text: str) -> None:
    parser.add_argument("--accept-data-migration", action="append", default=ABSENT, metavar="APP.MIGRATION", help=text)


def _plan(parser: Any) -> None:
    _wishes(parser)
    _seen(parser, SEEN_HERE)
    parser.add_argument("--sql", action="store_true", default=ABSENT, help="print the statements, for people to read")


def _check(parser: Any) -> None:
    parser.add_argument(
        "--strict", action="store_true", default=ABSENT, help="objects that schema.json does not name count too"
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


def _inspect(parser: Any) -> None:
    parser.add_argument("source", type=Path, metavar="FILE", help="a SQLite file, or a folder of numbered .sql files")
    parser.add_argument(
        "-o", "--output", type=Path, default=ABSENT, metavar="OUT", help="write it to this file (--noinput: replace it)"
    )


def _prune(parser: Any) -> None:
    parser.add_argument(
        "--keep", type=int, default=ABSENT, metavar="N", help="archives to keep (default: the setting KEEP)"
    )
    parser.add_argument(
        "--older-than", type=float, default=ABSENT, metavar="DAYS", help="remove only those superseded longer ago"
    )
    parser.add_argument("--dry-run", action="store_true", default=ABSENT, help="only say what would go")


def _snapshot(parser: Any) -> None:
    parser.add_argument("copy", type=Path, metavar="OUT", help="the file to write; it must not exist")


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
        help="this table or column is gone, and not another one under a new name; may be given several times",
    )
    _seen(parser, "this migration runs Python or SQL of its own, and may be passed over; may be given several times")


def _adopt(parser: Any) -> None:
    _seen(parser, SEEN_HERE)


def _eject(parser: Any) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", default=ABSENT, help="only say which migrations it would write"
    )


_ADD = {
    "adopt": _adopt,
    "eject": _eject,
    "plan": _plan,
    "check": _check,
    "rollback": _rollback,
    "inspect": _inspect,
    "prune": _prune,
    "snapshot": _snapshot,
    "hash": _hash,
    "export": _export,
}
