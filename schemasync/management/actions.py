"""Runs each action of `manage.py schemasync` and prints its result.

A command imports only the modules of its action: the modules of all thirty take a quarter of a second.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS

from .. import actions, conf
from ..actions import option_values
from ..actions.addressed import WITH_TENANT, addressed_result
from ..actions.database import Database, write_text
from ..actions.database_errors import translated_query_errors
from ..engines.sqlite.sqlite_errors import is_damage
from ..errors import Code, Failed, Refused, SchemasyncError, UsageError
from ..orm import overridden_commands
from ..schema.text import count, first_few, short
from ..texts import shown
from . import output
from .invocation import Invocation
from .options.tenants import refuse_unused
from .output.shared import problem

if TYPE_CHECKING:
    from ..orm.comparison import Comparison
    from ..orm.export_decisions import Decisions
    from ..sync.keep_writes import Ahead as KeepWritesAhead
    from ..sync.phases.decide import SyncOptions
    from ..sync.restore_ahead import Ahead
    from ..sync.rollback import Preview
    from ..sync.rollback_in_place import Reverse
    from ..sync.run.target import Target
    from . import fleet


class Actions(Invocation):
    """One method for each action."""

    def run(self) -> None:
        """Run the action. Raises CommandError with the exit code."""
        action: Callable[[Database], None] = getattr(self, f"do_{self.action}")
        try:
            self.given = option_values.read(self.given)
            option_values.refuse_misplaced(self.action, self.given)
            if conf.is_enabled() and self.action in overridden_commands.WITH_COMMANDS:
                overridden_commands.refuse_overridden()
            if (key := self.given.get("tenant")) is not None and self.action != "tenants":
                from . import fleet

                self._refuse_with_tenant(key)
                with fleet.within(self._database, key, self.action) as alias:
                    self.given["database"] = alias
                    self._act(action)
            else:
                self._act(action)
        except SchemasyncError as error:
            self._fail(error)

    def _act(self, action: Callable[[Database], None]) -> None:
        """Run the action. Raises Failed if a query of Django finds that the file is damaged or no database."""
        database = self._database
        with translated_query_errors(lambda: database.link, only=is_damage):
            action(database)

    def _refuse_with_tenant(self, key: object) -> None:
        if self.action not in WITH_TENANT or not isinstance(key, str):
            raise UsageError.of(
                Code.BAD_OPTION,
                f"{self.action} has no use for --tenant {key}",
                f"Actions for a tenant are: {', '.join(WITH_TENANT)}.",
            )
        if self.given.get("database"):
            raise UsageError.of(
                Code.BAD_OPTION,
                "a tenant is a database of its own, so --database has no meaning with --tenant",
                "Remove it.",
            )

    def _differs(self, why: list[str]) -> CommandError:
        """Return the error of a check that found differences."""
        return CommandError(self._addressed("\n  ".join(why)), returncode=1)

    # --- the actions ----------------------------------------------------------------------------------------

    def do_sync(self, database: Database) -> None:
        decisions = self._decisions if self._is("export") else None
        progress, goal = self.given.get("progress"), self.given.get("goal")
        options, reports = (
            self._sync_options,
            [Path(path) for path in self._listed("report")],
        )
        done = actions.run_report.sync(database, options, reports, exports=decisions, progress=progress, goal=goal)
        self._print(output.sync.lines(done, self._page), actions.sync.as_json(done))

    @property
    def _sync_options(self) -> SyncOptions:
        return actions.sync_options.sync_options(self.given)

    @property
    def _decisions(self) -> Decisions:
        from ..orm.export_decisions import Decisions

        return Decisions(self._several("drop"), self._is("claim"))

    def do_export(self, database: Database) -> None:
        from ..orm.comparison import Comparison

        is_check, accepted, path = self._is("check"), self._several("accept_data_migration"), database.schema_path
        if is_check:
            done = actions.export.compared(database, accepted, self._decisions)
        else:
            found, differs = actions.export.export(database, accepted, self._decisions)
            done = Comparison(differs, found)
        result = actions.export.result_of(done, check=is_check)
        lines = output.export.lines(done.found, result, path, self._page) if done.found is not None else []
        self._print(lines, actions.export.as_json(done, path, check=is_check))
        if is_check and (why := self._why_stale(database, done)):
            raise self._differs(why)

    def _why_stale(self, database: Database, done: Comparison) -> list[str]:
        """Return the reasons why `export --check` fails, and the next steps."""
        differ = f"the models and {database.schema_path} differ"
        if done.problems:
            return [differ, *(line for one in done.problems for line in problem(one).splitlines())]
        if done.differs:
            return [differ, "To write the models into it: manage.py schemasync export"]
        return actions.check.missing_tables(actions.check.kept(database.alias))

    def do_plan(self, database: Database) -> None:
        try:
            planned = actions.plan.plan(database, self._sync_options, sql=self._is("sql"))
        except Refused as refusal:
            if refusal.problems[0].code is Code.NOT_ADOPTED:
                self._say(output.plan.after_adoption(actions.plan.after_adoption(database), self._page))
            raise
        data = actions.plan.as_json(planned)
        if isinstance(planned, actions.plan.AfterAdoption):
            first = f"{database.link} is a plain file: {database.target().how_to_adopt}"
            self._print([first, *output.plan.after_adoption(planned, self._page)], data)
            return
        self._print(output.plan.lines(planned, self._page), data)
        if planned.blocking:
            raise CommandError(output.plan.what_stops(planned), returncode=Refused.exit_code)

    def do_rehearse(self, database: Database) -> None:
        done = actions.rehearse.rehearse(database, self._sync_options, self._path("queries"), self._path("at"))
        self._print(output.rehearse.lines(done, self._page), actions.rehearse.as_json(done))

    def do_check(self, database: Database) -> None:
        strict, quick, for_migrate = self._is("strict"), self._is("quick_check"), self._is("for_migrate")
        found = actions.check.check(database, strict=strict, quick_check=quick, for_migrate=for_migrate)
        if isinstance(found, actions.check.WithoutSchema):
            lines = output.check.lines_without_schema(found, database.link, self._page)
            why = output.check.reasons_without_schema(found, database.link)
        else:
            lines, why = output.check.lines(found, database.schema_path, self._page), found.reasons
        self._print(lines, actions.check.as_json(found))
        if why:
            raise self._differs(why)

    def do_status(self, database: Database) -> None:
        found = actions.status.status(database)
        self._print(output.status.lines(found, self._page), found.as_json())

    def do_health(self, database: Database) -> None:
        found = actions.health.health(database, ready=self._is("ready"))
        self._print(output.health.lines(found), actions.health.as_json(found))
        if why := output.health.why(found):
            raise self._differs(why)

    def do_metrics(self, database: Database) -> None:
        found = actions.metrics.metrics(database)
        self._print(output.metrics.lines(found), actions.metrics.as_json(found))

    def do_advise(self, database: Database) -> None:
        if "indexes" in self.given:
            log = Path(self.given["indexes"]) if self.given["indexes"] else None
            done = actions.advise_indexes.advise_indexes(database, log)
            self._print(output.advise_indexes.lines(done), actions.advise_indexes.as_json(done))
            return
        found = actions.advise.advise(database)
        self._print(output.advise.lines(found), actions.advise.as_json(found))

    def do_history(self, database: Database) -> None:
        entries = actions.history.history(database)
        self._print(output.history.lines(entries, self._page), actions.history.as_json(entries))

    def do_rollback(self, database: Database) -> None:
        from ..sync.rollback import check as check_rollback

        wanted = self.given.get("target")
        if self._is("in_place"):
            actions.rollback.refuse_target_in_place(wanted)
            self._undo_in_place(database)
            return
        if self._is("keep_writes"):
            self._keep_writes(database, wanted)
            return
        if self._is("dry_run"):
            ahead = actions.rollback.preview(database, wanted)
            self._print(output.rollback.preview_lines(ahead, self._page), actions.rollback.preview_json(ahead))
            return
        self._must_be_able_to_ask(database, partial(check_rollback, wanted=wanted))
        done = actions.rollback.rollback(database, wanted, self._agree)
        lines = [*output.rollback.lines(done), *self._left_ahead(database, done.preview.to.version)]
        self._print(lines, actions.rollback.as_json(done))

    def _undo_in_place(self, database: Database) -> None:
        from ..sync.rollback_in_place import preview as preview_in_place

        if self._is("dry_run"):
            found = actions.rollback.preview_in_place(database)
            self._print(output.rollback.reverse_lines(found), actions.rollback.reverse_json(found))
            return
        self._must_be_able_to_ask(database, preview_in_place)
        limit = None if self._is("block_writers") else actions.sync_options.max_pause(self.given)
        done = actions.rollback.rollback_in_place(database, self._agree_in_place, limit)
        lines = [*output.rollback.undone_lines(done), *self._left_ahead(database, done.reverse.to.version)]
        self._print(lines, actions.rollback.undone_json(done))

    def _keep_writes(self, database: Database, wanted: str | None) -> None:
        from ..sync.keep_writes import preview as preview_keep_writes

        options = actions.keep_writes.keep_writes_options(self.given)
        if self._is("dry_run"):
            ahead = actions.keep_writes.preview(database, wanted, options)
            if not ahead.plan.blocking or not self._json:
                self._print(output.keep_writes.preview_lines(ahead, self._page), actions.rollback.ahead_json(ahead))
            actions.keep_writes.refuse_hazards(ahead)
            return
        self._must_be_able_to_ask(database, partial(preview_keep_writes, wanted=wanted, options=options))
        done = actions.keep_writes.keep_writes(database, wanted, options, self._agree_to_keep_writes)
        lines = [*output.keep_writes.lines(done, self._page), *self._left_ahead(database, done.ahead.to.version)]
        self._print(lines, actions.rollback.kept_writes_json(done))

    def _agree_to_keep_writes(self, ahead: KeepWritesAhead) -> bool:
        self._say(output.keep_writes.preview_lines(ahead, self._page))
        return self._asks_nothing or self._yes("Go back?")

    def _agree(self, ahead: Preview) -> bool:
        self._say(output.rollback.preview_lines(ahead, self._page))
        return self._asks_nothing or self._yes("Go back?")

    def _agree_in_place(self, found: Reverse) -> bool:
        self._say(output.rollback.reverse_lines(found))
        return self._asks_nothing or self._yes("Do it?")

    def _left_ahead(self, database: Database, version: str) -> list[str]:
        """Return lines if schema.json has another version than the one that is live again."""
        try:
            wanted = database.document().version
        except SchemasyncError:
            return []
        return output.rollback.left_ahead(short(wanted), short(version)) if wanted != version else []

    def do_switch(self, database: Database) -> None:
        done = actions.switch.switch(database, self._sync_options, leave_behind=self._is("leave_behind"))
        self._print(output.switch.lines(done, self._page), actions.switch.as_json(done))

    def do_inspect(self, database: Database) -> None:
        found, path = actions.inspect.inspect(database, Path(self.given["source"])), self._path("output")
        self._warn(output.inspect.lines(found, self._page))
        if path is not None:
            self._refuse_to_replace(path)
            write_text(path, found.text)
            tables = count(len(found.seen.schema.tables), "table")
            self._say([f"wrote {path}: {tables}, version {short(found.seen.version)}"])
        elif not self._json:
            self.stdout.write(found.text, ending="")
        if self._json:
            self._as_json(actions.inspect.as_json(found, path))

    def do_ddl(self, database: Database) -> None:
        found, path = actions.ddl.ddl_of(database, self.given.get("engine", "postgres")), self._path("output")
        self._warn(output.ddl.lines(found))
        if path is not None:
            self._refuse_to_replace(path)
            write_text(path, found.text)
            statements, name = count(len(found.made.statements), "statement"), actions.ddl.NAMES[found.engine]
            self._say([f"wrote {path}: {statements} for {name}"])
        elif not self._json:
            self.stdout.write(found.text, ending="")
        if self._json:
            self._as_json(actions.ddl.as_json(found, path))

    def do_move(self, database: Database) -> None:
        to = self.given.get("to")
        if self._is("undo"):
            done = actions.move.undo_move(database, to or "", leave_writes=self._is("leave_writes"))
        elif self._is("plan"):
            found = actions.move.plan(database, actions.move.required(to))
            self._print(output.move.plan_lines(found), actions.move.plan_json(found))
            return
        else:
            done = actions.move.to_postgres(
                database, actions.move.required(to), actions.sync_options.limits(self.given)
            )
        self._print(output.move.lines(done), actions.move.as_json(done))

    def do_adopt(self, database: Database) -> None:
        done = actions.adopt.adopt(database, self._several("accept_data_migration"))
        self._warn([*output.shared.refused_later(done.faults), *done.unreadable])
        self._print(output.adopt.lines(done, database.link, self._page), actions.adopt.as_json(done))

    def do_eject(self, database: Database) -> None:
        ejecting, link = actions.eject.prepare(database), database.link
        is_django_s = ejecting.version is not None
        if is_django_s:
            self._say(output.eject.migrations(ejecting.new, self._page))
            self._warn(output.eject.behind(ejecting.lagging))
        if self._is("dry_run"):
            self._print(["nothing was written"], actions.eject.as_json(ejecting, None))
            return
        done = actions.eject.eject(database, ejecting, self.stderr)
        risks = actions.check.risks_of_migrate(database.alias) if is_django_s else None
        self._print(output.eject.lines(done, link, risks, self._page), actions.eject.as_json(ejecting, done))

    def do_cutover(self, database: Database) -> None:
        actions.cutover.cutover(database)
        self._print(output.cutover.lines(), actions.cutover.as_json())

    def do_prune(self, database: Database) -> None:
        dry_run = self._is("dry_run")
        if self._is("hints"):
            actions.prune.refuse_for_hints(self.given)
            hints = actions.prune.prune_hints(database, dry_run=dry_run)
            lines = output.prune.hint_lines(hints, database.schema_path, dry_run=dry_run)
            self._print(lines, actions.prune.hints_json(hints, dry_run=dry_run))
            return
        done = actions.prune.prune(
            database,
            keep=self.given.get("keep"),
            older_than=self.given.get("older_than"),
            branches=self._is("branches"),
            set_aside=self._is("set_aside"),
            dry_run=dry_run,
        )
        self._print(output.prune.lines(done, dry_run=dry_run), actions.prune.as_json(done, dry_run=dry_run))

    def do_snapshot(self, database: Database) -> None:
        path = Path(self.given["copy"])
        seed = self.given.get("seed")
        done = actions.snapshot.snapshot(database, path, self._path("mask"), None if seed is None else str(seed))
        if done.masked is not None:
            self._warn(output.snapshot.warnings(done.masked))
        self._print(output.snapshot.lines(path, done), actions.snapshot.as_json(path, done))

    def do_backup(self, database: Database) -> None:
        to, compact = str(self.given.get("to", "")), self._is("compact")
        if kind := self.given.get("print_schedule"):
            from . import schedules

            text = schedules.schedule(kind, self._alias(), to, is_compact=compact)
            self._print(text.splitlines(), actions.backup.schedule_json(kind, text))
            return
        made = actions.backup.backup(database, to, prune=self._is("prune"), compact=compact)
        self._print(output.backup.made(made), actions.backup.as_json(made))

    def do_backups(self, database: Database) -> None:
        listed = actions.backups.backups(database, str(self.given.get("to", "")))
        self._print(output.backup.listed(listed), actions.backups.as_json(listed))

    def do_drill(self, database: Database) -> None:
        if self._is("check"):
            done = actions.drill.last_drill(database)
        else:
            done = actions.drill.drill(database, str(self.given.get("from", "")), self._path("identity"))
        self._print(output.drill.lines(done), actions.drill.as_json(done))
        if not done.is_passed:
            raise self._differs(output.drill.why(done))

    def do_restore(self, database: Database) -> None:
        name, at, storage = (str(self.given.get(key, "")) for key in ("backup", "at", "from"))
        asked = actions.restore_source.Asked(name, at, storage, self._path("identity"))
        if (into := self._path("into")) is not None:
            written = actions.restore.into_file(database, into, asked)
            self._print(output.restore.written(written), actions.restore.written_json(written))
            return
        if self._is("dry_run"):
            ahead = actions.restore.preview(database, asked, with_sync=self._is("sync"))
            self._print(output.restore.preview_lines(ahead, self._page), actions.restore.preview_json(ahead))
            return
        self._must_be_able_to_ask(database, lambda target: None)
        done = actions.restore.restore(database, asked, self._agree_to_restore, with_sync=self._is("sync"))
        behind = done.report is None and self._is_behind(database, done.ahead.to.version)
        self._print(output.restore.lines(done, self._page, is_behind=behind), actions.restore.as_json(done))

    def _is_behind(self, database: Database, version: str) -> bool:
        try:
            return database.document().version != version
        except SchemasyncError:
            return False  # the next sync reports the faults of schema.json

    def _agree_to_restore(self, ahead: Ahead) -> bool:
        self._say(output.restore.preview_lines(ahead, self._page))
        return self._asks_nothing or self._yes("Restore it?")

    def do_litestream(self, database: Database) -> None:
        match self.given.get("what"):
            case "config":
                done: actions.litestream.Done = actions.litestream.config(database, self._path("output"))
            case "register":
                done = actions.litestream.register(database)
            case _:
                if (into := self._path("into")) is None:
                    raise UsageError.of(Code.BAD_OPTION, "restore writes a file", "Add --into FILE.")
                done = actions.litestream.restore(database, into, str(self.given.get("at", "")))
        self._print(output.litestream.lines(done), actions.litestream.as_json(done))

    def do_tenants(self, database: Database) -> None:
        from ..tenants.fleet import as_json as tenants_json
        from . import fleet

        refuse_unused(self.given)
        at = fleet.template(database)
        if self.given["what"] in ("sync", "rollback", "create"):
            self.given["database"] = at.alias  # errors of the template name the template
        match self.given["what"]:
            case "report":
                self._report()
            case "status":
                found = fleet.status(at, self.given)
                self._print(output.tenants_status.status_lines(found), tenants_json.status_json(found))
            case "health":
                looked = fleet.health(at, self.given)
                self._print(output.tenants_status.health_lines(looked), tenants_json.health_json(looked))
                if why := output.tenants_status.unhealthy_lines(looked):
                    raise self._differs(why)
            case "create":
                made = fleet.create(self.given)
                self._print(output.tenants.created_lines(made), tenants_json.created_json(made))
            case "suspend" | "activate" | "archive" | "delete" as what:
                from .tenant_lives import change

                changed = change(what, self.given, self._typed if self._can_ask else None)
                lived = tenants_json.changed_json(changed.key, changed.result, changed.path)
                self._print(output.tenants.changed_lines(changed), lived)
            case "routes":
                self._routes()
            case "rollback":
                back = fleet.roll_back(at, self.given)
                lines = [*output.tenants.rollback_lines(back), *self._tenants_ahead(at, back)]
                self._print(lines, tenants_json.rollback_json(back))
                self._exit_with(back.problem)
            case "move":
                moved = fleet.move_tenant(at, self.given)
                self._print(output.tenants.moved_lines(moved), tenants_json.moved_json(moved))
            case "receive":
                fleet.receive()
            case "balance":
                level = fleet.balance(at, self.given)
                self._print(output.tenants.balance_lines(level), tenants_json.balance_json(level))
                self._exit_with(level.problem)
            case "backup" if kind := self.given.get("print_schedule"):
                text = fleet.backup_schedule(kind, self.given)
                self._print(text.splitlines(), actions.backup.schedule_json(kind, text))
            case "backup":
                backed = fleet.back_up(at, self.given)
                self._print(output.tenants.backup_lines(backed), tenants_json.backup_json(backed))
                self._exit_with(backed.problem)
            case _:
                self._warn(fleet.ahead(at))
                if self._is("all_hosts"):
                    asked = fleet.ask_all_hosts(at, self.given)
                    self._print(output.tenants.asked_lines(*asked), tenants_json.asked_json(*asked))
                    return
                done = fleet.sync(at, self.given, None if self._json else self._say, self._page)
                self._print(output.tenants.sync_lines(done), tenants_json.sync_json(done))
                self._exit_with(done.problem)

    def _tenants_ahead(self, at: Database, done: fleet.RollbackReport) -> list[str]:
        """Return a line if the next sync of the tenants would bring them to the release again."""
        try:
            is_ahead = bool(done.release) and not done.is_dry_run and at.document().version == done.release
        except SchemasyncError:
            return []
        release = short(done.release)
        text = f"{at.schema_path} still has version {release}: the next sync would bring the tenants to it again"
        return [text] if is_ahead else []

    def _exit_with(self, failed: Failed | None) -> None:
        """Raise the error of a run that has already printed its result."""
        if failed is not None:
            raise CommandError(self._addressed(problem(failed.problems[0])), returncode=failed.exit_code)

    def _routes(self) -> None:
        from ..tenants.fleet.as_json import routes_json
        from . import fleet

        found, text = fleet.routes(self.given)
        path = self._path("output")
        if path is not None:
            write_text(path, text)
        lines = text.splitlines() if path is None else [f"wrote {path}: {count(len(found.tenants), 'tenant')}"]
        self._print(lines, routes_json(found))
        if found.lost:
            self._warn([f"{count(len(found.lost), 'tenant')} on no host of the settings: {first_few(found.lost)}"])

    def _report(self) -> None:
        from ..tenants.fleet.as_json import report_json
        from . import fleet

        failed: list[fleet.Answer] = []
        answers = fleet.report(self.given, failed.append)
        if self._json or self.given.get("format") == "json":
            self._as_json(addressed_result(report_json(answers, failed), self.given))
        elif self.given.get("format") == "csv":
            output.tenants.write_csv(answers, self.stdout)
        else:
            for line in output.tenants.table(answers):
                self.stdout.write(line)
        if failed:
            lines = [f"{one.key}: {problem(found)}" for one in failed for found in one.problems]
            raise CommandError("\n".join(lines), returncode=Failed.exit_code)

    def do_hash(self, database: Database) -> None:
        version = actions.hash.version_of(database, self._path("file"))
        self._print(output.hash.lines(version), actions.hash.as_json(version))

    def do_models(self, database: Database) -> None:
        from ..orm import models_file
        from ..orm.model_differences import notes

        app = models_file.app_of(str(self.given["app"])) if self.given.get("app") else None
        path = self._path("output") or (models_file.file_of(app) if app is not None else None)
        if path is None and self._is("check"):
            raise UsageError.of(Code.BAD_OPTION, "--check compares a file", "Add --app LABEL or -o FILE.")
        # only the name of the file: the header must not depend on the working directory
        command = self._models_command(app, Path(path.name) if path is not None else None)
        found = actions.models.generated(database, app, path, command)
        self._warn(output.models.not_expressed(notes(found.differences), self._page))
        if path is None:
            if self._json:
                self._as_json(actions.models.as_json(found, "printed", None))
            else:
                self.stdout.write(found.text, ending="")
            return
        result: actions.models.ModelsResult = "differs" if self._is("check") else "written"
        result = result if found.differs else "current"
        if result == "written":
            write_text(path, found.text)
        self._print(output.models.lines(found, result, path), actions.models.as_json(found, result, path))
        if result == "differs":
            command = self._models_command(app, path)
            raise self._differs([f"{shown(path)} differs from the models of the schema", f"To write it: {command}"])

    def _models_command(self, app: AppConfig | None, path: Path | None) -> str:
        words = [f"--database {shlex.quote(self._alias())}"] if self._alias() != DEFAULT_DB_ALIAS else []
        words += [f"--app {app.label}"] if app is not None else []
        words += [f"-o {shlex.quote(str(path))}"] if path is not None and "output" in self.given else []
        return " ".join(["manage.py schemasync models", *words])

    # --- questions ------------------------------------------------------------------------------------------------

    def _must_be_able_to_ask(self, database: Database, check: Callable[[Target], object]) -> None:
        if not self._asks_nothing and (self._json or not sys.stdin.isatty()):
            check(database.target())  # if the action is not possible, report that instead
            option = next((f" --{o.replace('_', '-')}" for o in ("in_place", "keep_writes") if self._is(o)), "")
            target = f" {shlex.quote(str(self.given['target']))}" if self.given.get("target") else ""
            command = f"manage.py schemasync {self.action}{option}{target}"
            nobody = "--json asks no question" if self._json else "there is no terminal"
            raise UsageError.of(
                Code.PROMPT_NEEDED,
                f"{self.action} asks before it acts, but {nobody}",
                f"To do it without a question: {command} --noinput\nTo see what would be done: {command} --dry-run",
            )
