"""One call of `manage.py schemasync`: its options, its database, and its output."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS

from .. import databases
from ..actions.addressed import addressed, addressed_result, with_addressed_hints
from ..actions.database import Database
from ..actions.dialogue import Dialogue
from ..actions.option_values import WAIT, several
from ..errors import Code, Refused, SchemasyncError, UsageError
from ..files.layout import Layout
from ..history.row import HistoryRow
from ..sync import history
from ..sync.run.interrupt import Interrupted
from ..sync.run.progress import Progress, Silent
from . import output
from .output import terminal
from .output.shared import problem


class Invocation:
    """`given`: the options from the command line or `call_command`."""

    def __init__(self, command: BaseCommand, given: Mapping[str, Any]) -> None:
        self.stdout, self.stderr, self.style = command.stdout, command.stderr, command.style
        self.given: dict[str, Any] = dict(given)
        self.action = str(given.get("action") or "sync")

    # --- options --------------------------------------------------------------------------------------------

    def _is(self, name: str) -> bool:
        return bool(self.given.get(name, False))

    def _several(self, name: str) -> frozenset[str]:
        return several(self.given.get(name))

    def _listed(self, name: str) -> Sequence[str | os.PathLike[str]]:
        """Return the values of a repeatable option, in their order. Python code may pass a single value."""
        found = self.given.get(name) or ()
        return [found] if isinstance(found, str | os.PathLike) else list(found)

    def _path(self, name: str) -> Path | None:
        """Return a path, which `call_command` may pass as text; None if the option is not given."""
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
        return addressed(text, self.given)

    # --- the database ---------------------------------------------------------------------------------------

    @property
    def _database(self) -> Database:
        """The database of this call, whose dialogue prints the reports of an action."""
        progress = self._progress()
        dialogue = Dialogue(
            progress,
            lambda text: self._say([text]),
            progress.warn if isinstance(progress, terminal.Bars) else lambda text: self._warn([text]),
            self._yes_or_no if self._can_ask else None,
            self.stdout,
            self._verbosity - (0 if self._is("as_migrate") else 1),
        )
        return Database(self._alias(), self._path("schema"), self.given.get("wait", WAIT), dialogue)

    def _progress(self) -> Progress:
        if self._verbosity == 0:
            return Silent()
        if self._json and self.stdout.isatty():
            return Silent()  # bars on the same terminal would mix with the JSON
        if self.stderr.isatty():
            return terminal.Bars(self._addressed, self.style.NOTICE, colour=not self._no_color)
        return Silent() if self._json else terminal.Lines(lambda text: self.stdout.write(self._addressed(text)))

    def _version(self) -> str | None:
        """Return the version of schema.json for the output of a failed sync or plan; None if it cannot be read."""
        try:
            return self._database.document().version
        except SchemasyncError:
            return None

    def _live(self) -> HistoryRow | None:
        """Return the live history row for the output of a failed sync or plan; None if it cannot be read."""
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
        while (answer := self._typed(f"{question} [y/n] ").strip().lower()) not in ("y", "yes", "n", "no"):
            self.stdout.write("Please answer y or n.")
        return answer.startswith("y")

    def _typed(self, question: str) -> str:
        """Return a line typed on the terminal. Raises UsageError if there is no answer."""
        try:
            return input(question)
        except (EOFError, KeyboardInterrupt) as error:
            self.stdout.write("")
            raise UsageError.of(Code.DECLINED, "nothing was changed") from error

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
                self.stderr.write(self._addressed(line), self.style.NOTICE)

    def _as_json(self, data: Mapping[str, object]) -> None:
        self.stdout.write(json.dumps(data, ensure_ascii=False, indent=2))

    def _print(self, lines: Sequence[str], data: Mapping[str, object]) -> None:
        if self._json:
            self._as_json(addressed_result(data, self.given))
        else:
            self._say(lines)

    def _fail(self, error: SchemasyncError) -> None:
        """Print the error as JSON if requested; always raise CommandError with text and exit code."""
        found = with_addressed_hints(error, self.given)
        if self._json:
            is_read = self.action in ("sync", "plan") and not isinstance(error, UsageError)
            is_read = is_read and not self.given.get("tenant")  # outside, they would be the template's
            version, live = (self._version(), self._live()) if is_read else (None, None)
            self._as_json(output.failed.as_json(found, self.action, version, live, with_sql=self._is("sql")))
        text = "\n".join(problem(one) for one in found.problems)
        raise CommandError(text, returncode=error.exit_code) from error
