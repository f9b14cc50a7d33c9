"""The command `manage.py schemasync`. It imports `management.actions` only if there is something to do, as most runs
find the database current."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import CommandError, CommandParser, no_translations

from ... import conf, databases
from ...actions import option_values
from ...errors import Code, NeedsPerson, SchemasyncError, UsageError
from ...files.layout import Layout
from ...files.read_file import read_file
from ...orm import overridden_commands
from ...orm.models_fingerprint import models_stamp
from ...orm.transforms import stamp
from ...sync import up_to_date
from .. import options
from ..brief import nothing_to_do
from ..console import Console

_parsers: dict[tuple[type, str, str, bool], CommandParser] = {}


class Command(Console):
    """Runs a sync, or one of the other actions."""

    help = (
        "Brings a SQLite database to schema.json: builds a new, verified file beside it, swaps it in, and keeps the "
        "old one for a rollback. Without an action it runs a sync."
    )
    requires_system_checks: list[str] = []  # the command must run even if a check of the database fails
    stealth_options = ("interactive",)  # Django's own commands have it, with the opposite meaning of noinput

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return Django's parser, made once in a process: it has 300 options, and `call_command` needs it at each
        call."""
        if kwargs:
            return super().create_parser(prog_name, subcommand, **kwargs)
        key = (type(self), prog_name, subcommand, bool(getattr(self, "_called_from_command_line", False)))
        if key not in _parsers:
            _parsers[key] = super().create_parser(prog_name, subcommand)
        return _parsers[key]

    def add_arguments(self, parser: Any) -> None:
        options.add(parser)

    def run_from_argv(self, argv: list[str]) -> None:
        """Like Django's method, but with --json print a JSON object for an invalid command line, too."""
        if "--json" in argv:
            try:
                self.create_parser(argv[0], argv[1]).parse_args(argv[2:])
            except CommandError as error:
                usage = UsageError.of(Code.BAD_OPTION, str(error).removeprefix("Error: "))
                self._fail_as_json(usage, argv)
        try:
            super().run_from_argv(argv)
        except CommandError as error:  # Django raises it if --traceback was given: everything else is printed by then
            traceback.print_exception(error, file=self.stderr)
            sys.exit(error.returncode)
        except Exception as error:  # noqa: BLE001  the process ends here
            self._give_up(error, argv)

    def _give_up(self, error: Exception, argv: list[str]) -> NoReturn:
        """Report a bug in schemasync. Python would exit with 1, which means "differs" here."""
        from ..output.shared import problem

        traceback.print_exception(error, file=self.stderr)
        found = NeedsPerson.of(
            Code.UNEXPECTED,
            f"{type(error).__name__}: {error}",
            "This is a bug in schemasync: please report it with the traceback. The next run reads the state of the "
            "files, and finishes the interrupted work or removes it.",
        )
        if "--json" in argv:
            self._fail_as_json(found, argv)
        self.stderr.write(problem(found.problems[0]))
        sys.exit(found.exit_code)

    def _fail_as_json(self, error: SchemasyncError, argv: list[str]) -> None:
        from ..output import failed

        self.stdout.write(json.dumps(failed.as_json(error, options.action_in(argv[2:])), ensure_ascii=False, indent=2))

    @no_translations  # as in Django's own: files and rows get the same text in every language
    def handle(self, *args: Any, **given: Any) -> None:
        if given.pop("all", False):
            from ..all_databases import several

            several(self, given, self._one)
        else:
            self._one(given)

    def _one(self, given: Mapping[str, Any]) -> None:
        """Run the action for one database."""
        if (line := self._fast_path(given)) is not None:
            if int(given.get("verbosity", 1)) > 0:
                self.stdout.write(line)
            return
        from ..actions import Actions

        Actions(self, given).run()

    def _fast_path(self, given: Mapping[str, Any]) -> str | None:
        """Return the output of a sync with nothing to do; None if there is something to do or another action was
        requested."""
        if any(
            given.get(name)
            for name in (
                "action",
                "json",
                "tenant",
                "export",
                "accept_data_migration",
                "report",
                *option_values.SYNC_OPTIONS,
            )
        ):
            return None
        try:
            option_values.read(given)
            if conf.is_enabled():
                overridden_commands.refuse_overridden()
            if conf.litestream():
                return None  # the sync checks which file Litestream replicates
            alias = str(given.get("database") or "default")
            data = read_file(Path(given.get("schema") or conf.schema_path(alias))) + stamp(alias)
            row = up_to_date.current(Layout(databases.path_of(alias)), databases.opener(alias), data, models_stamp())
        except (SchemasyncError, OSError):  # the action itself reports it in full
            return None
        return None if row is None else nothing_to_do(row.generation, row.version)
