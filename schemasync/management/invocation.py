"""One call of `manage.py schemasync`: its options, its database, and how it prints its result."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS

from .. import conf, databases
from ..errors import Code, Refused, SchemaInvalid, SchemasyncError, UsageError
from ..files.layout import Layout, PathKind
from ..files.mounts import network_file_system
from ..history.row import HistoryRow
from ..orm.before_schema import BeforeSchema, before_schema
from ..orm.migrate import informed
from ..schema import document
from ..schema.document import Document
from ..sync import history
from ..sync.phases.decide import SyncOptions
from ..sync.run.interrupt import Interrupted
from ..sync.run.limits import Limits
from ..sync.run.progress import Progress, Silent
from ..sync.run.target import Target
from ..texts import shown
from . import options
from .output import failed, terminal
from .output.shared import problem

WAIT = 30.0  # seconds: longer than any healthy write, short enough for a deploy script
FOREVER = 2_000_000.0  # seconds, 23 days: SQLite counts milliseconds in 32 bits


class Invocation:
    """`given` are the options, as the command line or `call_command` gave them."""

    def __init__(self, command: BaseCommand, given: Mapping[str, Any]) -> None:
        self.stdout, self.stderr, self.style = command.stdout, command.stderr, command.style
        self.given: dict[str, Any] = dict(given)
        self.action = str(given.get("action") or "sync")
        self.version: str | None = None
        self.has_warned = False

    # --- what was asked for ---------------------------------------------------------------------------------

    def _is(self, name: str) -> bool:
        return bool(self.given.get(name, False))

    def _several(self, name: str) -> frozenset[str]:
        """The values of a repeatable option: `call_command` may pass a single value as text."""
        given = self.given.get(name) or ()
        return frozenset([given] if isinstance(given, str) else given)

    def _path(self, name: str) -> Path | None:
        """A path from the command line, or as text from `call_command`."""
        value = self.given.get(name)
        return None if value is None else Path(value)

    @property
    def _json(self) -> bool:
        return self._is("json")

    @property
    def _asks_nothing(self) -> bool:
        return self._is("noinput") or self.given.get("interactive") is False

    @property
    def _verbosity(self) -> int:
        return int(self.given.get("verbosity", 1))

    def _alias(self) -> str:
        return str(self.given.get("database") or DEFAULT_DB_ALIAS)

    def _addressed(self, text: str) -> str:
        return options.addressed(text, self.given)

    def _refuse_misplaced(self) -> None:
        if found := options.misplaced(self.action, self.given):
            raise UsageError.of(
                Code.BAD_OPTION,
                f"{self.action} has no use for {', '.join(found)}",
                "Remove it; it is an option of a sync.",
            )

    def _schema_path(self) -> Path:
        return self._path("schema") or conf.schema_path(self._alias())

    def _document(self, path: Path | None = None) -> Document:
        path = path or self._schema_path()
        if path.is_dir():
            hint = f"Name the file itself, for example {path / 'schema.json'}"
            raise SchemaInvalid.of(Code.SCHEMA_UNREADABLE, f"{path.absolute()} is a folder", hint, file=str(path))
        try:
            data = path.read_bytes()
        except OSError as error:
            message = f"{path}: {error.strerror}"
            raise SchemaInvalid.of(Code.SCHEMA_UNREADABLE, message, self._where_from(path), file=str(path)) from error
        found = document.read(data, shown(path))
        self.version = found.version
        return found

    def _where_from(self, path: Path) -> str:
        """How to get a schema.json: from the database, if it holds anything, otherwise from the models."""
        try:
            link = databases.path_of(self._alias())
            before = before_schema(self._alias())
        except SchemasyncError:
            link, before = Path("FILE"), None
        match Layout(link).path_kind():
            case PathKind.GENERATION:
                live = Layout(link).live()
                source = live.name if live is not None else link
                return (
                    "Take it from your version control. To write it from the database instead, without hints and "
                    f"comments: manage.py schemasync inspect {source} -o {path}"
                )
            case PathKind.PLAIN if before is not BeforeSchema.NEW:
                return "To adopt the database, which writes schema.json: manage.py schemasync adopt"
            case _ if conf.is_enabled():
                return "To write it from the models, and create the database: manage.py schemasync --export"
            case _:
                return 'Write one, for example: {"Users": {"id": "INTEGER PRIMARY KEY", "name": "TEXT NOT NULL"}}'

    @property
    def _max_pause(self) -> float:
        """Seconds that writers may wait."""
        return float(self.given.get("max_pause", Limits().max_pause * 1000)) / 1000

    def _sync_options(self) -> SyncOptions:
        usual = Limits()
        sync_options = SyncOptions(
            rebuild_all=self._is("rebuild_all"),
            verify_full=self.given.get("verify") == "full",
            allow_older=self._is("allow_older"),
            in_place=self._is("in_place"),
            repair=self._is("repair"),
            allow_drop=self._several("allow_drop"),
            block_writers=self._is("block_writers"),
            accepted_migrations=self._several("accept_data_migration"),
            limits=Limits(
                max_pause=self._max_pause,
                cutover_timeout=min(self.given.get("cutover_timeout", usual.cutover_timeout), FOREVER),
                postpone=self._is("postpone"),
            ),
        )
        return informed(self._alias(), sync_options)

    # --- the database ---------------------------------------------------------------------------------------

    def _target(self, *, swaps: bool = False) -> Target:
        link = databases.path_of(self._alias())
        if swaps:
            databases.let_go(self._alias())
            self._warn_of_network(link)
        return Target(
            Layout(link),
            databases.opener(self._alias()),
            progress=self._progress(),
            wait=min(self.given.get("wait", WAIT), FOREVER),
            keep=conf.keep(),
            actor=databases.actor(),
            adopting_command=conf.adopting_command(),
        )

    def _warn_of_network(self, link: Path) -> None:
        if not self.has_warned and (kind := network_file_system(link)):
            self._warn(
                [
                    f"{link} is on a network file system ({kind}): neither schemasync's lock nor SQLite's own locks "
                    "are reliable there. Move it to a local disk (docs/is-it-for-me.md)."
                ]
            )
        self.has_warned = True

    def _progress(self) -> Progress:
        if self._verbosity == 0:
            return Silent()
        if self._json and self.stdout.isatty():
            return Silent()  # bars on the same terminal would mix with the JSON
        if self.stderr.isatty():
            return terminal.Bars(colour=not self._no_color)
        return Silent() if self._json else terminal.Lines(self.stdout.write)

    def _live(self, error: SchemasyncError) -> HistoryRow | None:
        """The live history row, for the output of a failed sync or plan; None after usage errors."""
        if self.action not in ("sync", "plan") or isinstance(error, UsageError):
            return None
        try:
            return history.live(Layout(databases.path_of(self._alias())), databases.opener(self._alias()))
        except SchemasyncError:
            return None

    # --- asking ---------------------------------------------------------------------------------------------

    def _refuse_to_replace(self, path: Path) -> None:
        if path.is_dir():
            raise Refused.of(Code.OUTPUT_EXISTS, f"{path} is a folder", f"Name a file in it: -o {path / 'schema.json'}")
        if not path.exists() or self._asks_nothing:
            return
        if not self._can_ask or not self._yes(f"{path} exists. Replace it?"):
            raise Refused.of(
                Code.OUTPUT_EXISTS, f"{path} exists already", "Name another file, or replace it with --noinput."
            )

    @property
    def _can_ask(self) -> bool:
        return not self._json and not self._asks_nothing and sys.stdin.isatty()

    def _yes_or_no(self, question: str) -> bool:
        """Ask on the terminal until the answer is yes or no. Raises UsageError if there is no answer."""
        try:
            while (answer := input(f"{question} [y/n] ").strip().lower()) not in ("y", "yes", "n", "no"):
                self.stdout.write("Please answer y or n.")
        except (EOFError, KeyboardInterrupt) as error:
            self.stdout.write("")
            raise UsageError.of(Code.DECLINED, "nothing was changed") from error
        return answer.startswith("y")

    def _yes(self, question: str) -> bool:
        """Ask on the terminal; no input means no."""
        try:
            return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        except (EOFError, KeyboardInterrupt, Interrupted) as error:
            self.stdout.write("")
            if isinstance(error, Interrupted):
                raise
            return False

    # --- printing -------------------------------------------------------------------------------------------

    @property
    def _no_color(self) -> bool:
        return self._is("no_color") or bool(os.environ.get("NO_COLOR"))  # https://no-color.org

    @property
    def _page(self) -> terminal.Page:
        is_terminal = self.stdout.isatty()
        wants_colour = self._is("force_color") or (is_terminal and not self._no_color)
        return terminal.Page(
            shutil.get_terminal_size().columns if is_terminal else terminal.LOG_WIDTH,
            self.style if wants_colour and not self._json else no_style(),
            detail=self._verbosity > 1,
        )

    def _say(self, lines: Sequence[str]) -> None:
        if not self._json and self._verbosity > 0:
            for line in lines:
                self.stdout.write(self._addressed(line))

    def _warn(self, lines: Sequence[str]) -> None:
        if self._verbosity > 0:
            for line in lines:
                self.stderr.write(line, self.style.NOTICE)

    def _as_json(self, data: Mapping[str, object]) -> None:
        self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2))

    def _print(self, lines: Sequence[str], data: Mapping[str, object]) -> None:
        if self._json:
            self._as_json(data)
        else:
            self._say(lines)

    def _fail(self, error: SchemasyncError) -> None:
        """Print the facts as JSON if requested; always raise CommandError with text and exit code."""
        addressed = type(error)([replace(one, hint=self._addressed(one.hint)) for one in error.problems])
        if self._json:
            live = self._live(error)
            self._as_json(failed.as_json(addressed, self.action, self.version, live, with_sql=self._is("sql")))
        text = "\n".join(problem(one) for one in addressed.problems)
        raise CommandError(text, returncode=error.exit_code) from error
