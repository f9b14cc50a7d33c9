"""Runs each action of `manage.py schemasync` and prints its result."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.apps import AppConfig
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS

from .. import conf, databases
from ..diff.applied_hints import without_hints
from ..diff.questions import Question, answered, choices
from ..engines.sqlite.validate import validate_schema
from ..errors import Code, Refused, SchemaInvalid, SchemasyncError, UsageError
from ..files.disk import Disk, DiskStep
from ..files.layout import Layout, PathKind
from ..files.permissions import may_change_names
from ..history.rows import Afterwards
from ..orm import migrations, models_file
from ..orm.adopting import adopted_by_itself
from ..orm.baseline import baseline
from ..orm.comparison import agreement
from ..orm.data_migrations import carrying, data_migrations, is_own
from ..orm.database_faults import database_faults
from ..orm.export import Decisions, Exported
from ..orm.field_readers import readers
from ..orm.migrate import NONE_KEPT, KeptApps, kept_apps, on_file, planned, sync_as_migrate
from ..orm.migrate_risks import MigrateRisk, migrate_risks
from ..orm.model_differences import notes
from ..orm.models import Modelled, made_elsewhere, modelled
from ..orm.models_fingerprint import beside
from ..orm.own_work import asked_about
from ..orm.project import Project
from ..orm.questioner import Questioner, past
from ..orm.unmanaged import unread
from ..plan.model import Strategy
from ..schema import document, write
from ..schema.document import Document
from ..schema.model import Schema
from ..schema.names import fold
from ..schema.text import count, short
from ..signals import altered_in_place
from ..sync import (
    adopt,
    applied_hints,
    check,
    eject,
    history,
    inspection,
    preview,
    prune,
    recovery,
    rollback,
    rollback_in_place,
    row_counts,
    snapshot,
    status,
    switch,
    up_to_date,
)
from ..sync.phases import postpone
from ..sync.phases.decide import SyncOptions, as_problem
from ..sync.phases.finish import note
from ..sync.phases.hooks import BeforeSwap
from ..sync.run.error_translation import of_disk, translated_errors
from ..sync.run.report import Report
from ..sync.run.target import Target
from ..sync.runner import sync
from ..texts import shown
from . import options, output, overridden_commands
from .invocation import Invocation
from .output.shared import problem

WITH_COMMANDS = ("sync", "plan", "check", "export", "adopt", "switch")
"""Actions that bring a project to schema.json. They are refused if another app overrides `migrate` or
`makemigrations`."""


_GENERATION = re.compile(r"[0-9]{1,4}(-[0-9a-f]{12})?|(1:)?[0-9a-f]{4,64}")
"""What `inspect` takes for a generation or a version, if there is no file of that name."""


class Actions(Invocation):
    """One method for each action."""

    def run(self) -> None:
        """Run the action. Raises CommandError with the exit code."""
        action: Callable[[], None] = getattr(self, f"do_{self.action}")
        try:
            self.given = options.read(self.given)
            self._refuse_misplaced()
            if conf.is_enabled() and self.action in WITH_COMMANDS:
                overridden_commands.refuse_overridden()
            action()
        except SchemasyncError as error:
            self._fail(error)

    # --- the actions ----------------------------------------------------------------------------------------

    def do_sync(self) -> None:
        self._finish_swap()
        if conf.adopts():
            self._adopt_first()
        has_written = self._is("export") and self._export(check=False)[1]
        try:
            done = self._synced()
        except SchemasyncError:
            if has_written:
                self._warn([f"{self._schema_path()} has the changes of the models; the database does not"])
            raise
        self._print(output.sync.lines(done, self._page), output.sync.as_json(done))

    def _synced(self) -> Report:
        """Run a sync. If it is refused only because something may have been renamed or dropped, ask on a terminal,
        write the answers into schema.json, and try again."""
        target, wanted, options = self._target(swaps=True), self._document(), self._sync_options()
        try:
            return self._run(target, wanted, options)
        except Refused as refusal:
            found = choices(refusal.problems) if self._can_ask else ()
            if not found:
                raise
        _write_text(self._schema_path(), answered(wanted.text, found, self._was_renamed))
        self._say([f"wrote the answers into {self._schema_path()}"])
        return self._synced()

    def _run(self, target: Target, wanted: Document, options: SyncOptions, first: BeforeSwap | None = None) -> Report:
        """A sync, with the work of `migrate` if schema.json replaces migrations."""
        done = self._run_once(target, wanted, options, first)
        if done.strategy is Strategy.IN_PLACE and done.changes:
            altered_in_place.send(Report, using=self._alias(), generation=done.generation, changes=done.changes)
        return done

    def _run_once(self, target: Target, wanted: Document, options: SyncOptions, first: BeforeSwap | None) -> Report:
        if not conf.is_enabled():
            return sync(target, wanted, options, first)
        verbosity = self._verbosity - (0 if self._is("as_migrate") else 1)
        progress, goal = self.given.get("progress"), self.given.get("goal")
        return sync_as_migrate(
            self._alias(), target, wanted, options, self.stdout, verbosity, first, progress=progress, goal=goal
        )

    def do_export(self) -> None:
        check, path = self._is("check"), self._schema_path()
        if check and (problems := agreement(lambda: self._export(check=True)).problems):
            self._print([], output.export.undecided_json(problems, path))
            why = [f"the models and {path} differ", *(line for one in problems for line in problem(one).splitlines())]
            raise CommandError(self._addressed("\n  ".join(why)), returncode=1)
        found, differs = self._export(check=check)
        result: output.export.ExportResult = "current" if not differs else "differs" if check else "exported"
        self._print(output.export.lines(found, result, path, self._page), output.export.as_json(found, result, path))
        if check and differs:
            hint = "To write the models into it: manage.py schemasync export"
            raise CommandError(self._addressed(f"the models and {path} differ\n  {hint}"), returncode=1)
        if check and (gone := output.check.missing_tables(self._kept())):
            raise CommandError(self._addressed("\n  ".join(gone)), returncode=1)

    def _export(self, *, check: bool) -> tuple[Exported, bool]:
        """The tables of the models for schema.json, and whether the file differs. Writes the file, except for a
        check."""
        self._refuse_lost_schema()
        project, seen = Project(self._alias(), self._schema_path()), self._several("accept_data_migration")
        decisions = Decisions(self._several("drop"), self._is("claim"))
        if check:
            return project.compared(seen, decisions)
        self._warn(output.export.data_left(project.left_behind(), has_seed=conf.seed() is not None))
        found, differs = project.exported(self._was_renamed if self._can_ask else None, seen, decisions)
        self._warn(found.notes)
        if differs:
            _write_text(project.path, found.text)
        return found, differs

    def _refuse_lost_schema(self) -> None:
        """Refuse to write a schema.json from the models alone for a database that had one: it would lack all that no
        model knows."""
        name = databases.name_of(self._alias())
        if not self._schema_path().exists() and not databases.is_no_path(name) and Path(name).parent.is_dir():
            link = databases.path_of(self._alias())
            if Layout(link).path_kind() is PathKind.GENERATION:
                self._document()  # raises: with the command that writes it from the database

    def do_plan(self) -> None:
        target, wanted = self._target(), self._document()
        pending = self._planned_migrations(target)
        try:
            seen = preview.outlook(target, wanted, self._sync_options())
        except Refused as refusal:
            if refusal.problems[0].code is not Code.NOT_ADOPTED:
                raise
            then = check.check(target, wanted)
            lines = [*output.plan.after_adoption(then, self._page), *output.plan.migrations(pending, self._page)]
            if not conf.adopts() or self._is("sql"):
                self._say(lines)
                raise
            lines.insert(0, f"{target.layout.link} is a plain file: {target.how_to_adopt}")
            self._print(lines, output.plan.before_adoption_json(then, pending))
            return
        blocking = [as_problem(hazard) for hazard in seen.plan.blocking] if seen.plan else []
        statements = preview.statements(seen.plan) if seen.plan and self._is("sql") else []
        lines = [*output.plan.lines(seen, self._page), *output.plan.migrations(pending, self._page)]
        is_in_place = seen.plan is not None and seen.plan.strategy is Strategy.IN_PLACE
        lines = output.plan.statements(statements, is_in_place=is_in_place) if self._is("sql") else lines
        self._print(lines, output.plan.as_json(seen, statements if self._is("sql") else None, blocking, pending))
        if blocking:
            what = count(len(blocking), "hazard stops", "hazards stop")
            raise CommandError(f"{what} a sync; nothing was written", returncode=Refused.exit_code)

    def _planned_migrations(self, target: Target) -> list[str]:
        """The migrations of MIGRATED_APPS that a sync would run, as `app.name`."""
        if not conf.is_enabled():
            return []
        is_new = target.layout.path_kind() is PathKind.NOTHING
        return [f"{one.app_label}.{one.name}" for one, _ in planned(self._alias(), is_new=is_new)]

    def do_check(self) -> None:
        if self._has_no_schema():
            self._check_without_schema()
            return
        target, wanted, strict = self._target(), self._document(), self._is("strict")
        seen = self._checked(target, wanted)
        models = agreement(lambda: self._export(check=True)) if conf.is_enabled() else None
        risks, kept = () if self._is("for_migrate") else self._migrate_risks(), self._kept()
        lines = output.check.lines(seen, self._page, strict=strict)
        if models is not None:
            lines = output.check.three_ways(seen, models, self._schema_path(), kept, self._page, strict=strict)
        lines += output.migrate_risks.in_short(risks, self._page)
        unmanaged = unread(self._alias(), wanted) if models is not None else ()
        lines += [f"note: {line}" for line in unmanaged]
        if models is not None and conf.seed() is None:
            lines += output.check.never_filled([name for name in seen.born_without if is_own(name)])
        as_json = output.check.models_json(models, unmanaged)
        self._print(lines, output.check.as_json(seen, strict=strict, models=as_json, kept=kept, migrate_risks=risks))
        if why := output.check.verdict(seen, models, kept, strict=strict):
            raise CommandError(self._addressed("\n  ".join(why)), returncode=1)

    def _checked(self, target: Target, wanted: Document) -> check.Checked:
        alias = self._alias()
        return check.check(target, wanted, data_migrations(alias), made_elsewhere(alias))

    def _kept(self) -> KeptApps:
        """Pending migrations and missing tables of MIGRATED_APPS on the live database."""
        alias = self._alias()
        if databases.is_no_path(databases.name_of(alias)):
            return NONE_KEPT  # a test database in memory
        is_there = Layout(databases.path_of(alias)).path_kind() in (PathKind.GENERATION, PathKind.PLAIN)
        return kept_apps(alias) if is_there and conf.is_enabled() and conf.migrated_apps() else NONE_KEPT

    def _has_no_schema(self) -> bool:
        """True if there is no schema.json and none was named: then Django's migrate changes this database."""
        return not (self._is("for_migrate") or self._path("schema") or self._schema_path().exists())

    def _check_without_schema(self) -> None:
        link, models = databases.path_of(self._alias()), modelled(self._alias())
        risks = self._migrate_risks(models)
        if not risks and Layout(link).path_kind() is PathKind.GENERATION:
            self._document()  # raises: an adopted database without its schema.json
        found = database_faults(self._alias(), link, models, reads_every_page=self._is("quick_check"))
        lines = output.migrate_risks.lines(risks, self._page) or [f"nothing in {link.name} would be lost in a migrate"]
        lines += output.migrate_risks.fault_lines(found, self._page)
        hint = self._where_from(self._schema_path())
        self._print(lines if risks or found else [*lines, hint], output.check.without_schema_json(risks, found))
        if risks or found:
            why = [*output.migrate_risks.at_stake(risks, link), *output.migrate_risks.wrong_now(found, link), hint]
            raise CommandError(self._addressed("\n  ".join(why)), returncode=1)

    def _migrate_risks(self, models: Modelled | None = None) -> tuple[MigrateRisk, ...]:
        """What Django's migrate would destroy; nothing if `migrate` runs a sync. `models`: the models, if they are read
        already."""
        link = databases.path_of(self._alias())
        if conf.is_enabled() and Layout(link).path_kind() is PathKind.GENERATION:
            return ()
        return migrate_risks(self._alias(), link, models or modelled(self._alias()))

    def do_status(self) -> None:
        found = status.status(self._target(), self._schema_path())
        self._print(output.status.lines(found, self._page), found.as_json())

    def do_history(self) -> None:
        entries = history.history(self._target())
        self._print(output.history.lines(entries, self._page), output.history.as_json(entries))

    def do_rollback(self) -> None:
        wanted = self.given.get("target")
        if self._is("in_place"):
            self._undo_in_place(wanted)
            return
        if self._is("dry_run"):
            ahead = rollback.preview(self._target(), wanted)
            self._print(output.rollback.preview_lines(ahead, self._page), output.rollback.preview_json(ahead))
            return
        self._must_be_able_to_ask(lambda target: rollback.check(target, wanted))
        done = rollback.rollback(self._target(swaps=True), wanted, self._agree)
        if done is None:
            raise UsageError.of(Code.DECLINED, "nothing was changed")
        lines = [*output.rollback.lines(done), *self._left_ahead(done.preview.to.version)]
        self._print(lines, output.rollback.as_json(done))

    def _undo_in_place(self, wanted: str | None) -> None:
        if wanted is not None:
            raise UsageError.of(
                Code.BAD_OPTION,
                f"--in-place undoes the last alteration of the live file, and does not lead to {wanted}",
                "Remove one of them.",
            )
        if self._is("dry_run"):
            found = rollback_in_place.preview(self._target())
            self._print(output.rollback.reverse_lines(found), output.rollback.reverse_json(found))
            return
        self._must_be_able_to_ask(rollback_in_place.preview)
        max_pause = None if self._is("block_writers") else self._max_pause
        done = rollback_in_place.rollback_in_place(self._target(swaps=True), self._agree_in_place, max_pause)
        if done is None:
            raise UsageError.of(Code.DECLINED, "nothing was changed")
        plan, generation = done.reverse.plan, done.reverse.live.generation
        altered_in_place.send(Report, using=self._alias(), generation=generation, changes=plan.changes)
        lines = [*output.rollback.undone_lines(done), *self._left_ahead(done.reverse.to.version)]
        self._print(lines, output.rollback.undone_json(done))

    def _agree_in_place(self, found: rollback_in_place.Reverse) -> bool:
        self._say(output.rollback.reverse_lines(found))
        return self._asks_nothing or self._yes("Do it?")

    def _left_ahead(self, version: str) -> list[str]:
        """A line if schema.json has another version than the one that is live again."""
        try:
            wanted = self._document().version
        except SchemasyncError:
            return []
        return output.rollback.left_ahead(short(wanted), short(version)) if wanted != version else []

    def do_switch(self) -> None:
        self._finish_swap()
        target, wanted, options = self._target(swaps=True), self._document(), self._sync_options()
        done = switch.switch(target, wanted, options, partial(self._run, target), leave_behind=self._is("leave_behind"))
        self._print(output.switch.lines(done, self._page), output.switch.as_json(done))

    def do_inspect(self) -> None:
        source = Path(self.given["source"])
        if not source.exists() and _GENERATION.fullmatch(str(source)):
            seen = inspection.recorded(self._target(), str(source))
        else:
            seen = inspection.inspect_path(databases.opener(self._alias()), source)
        text, path = self._marked(seen.schema), self._path("output")
        faults = _faults_of(text, path or Path("schema.json"))
        self._warn(output.inspect.lines(seen, faults, self._page))
        if path is not None:
            self._refuse_to_replace(path)
            _write_text(path, text)
            tables = count(len(seen.schema.tables), "table")
            self._say([f"wrote {path}: {tables}, version {short(seen.version)}"])
        elif not self._json:
            self.stdout.write(text, ending="")
        if self._json:
            self._as_json(output.inspect.as_json(seen, json.loads(text), path, faults))

    def _marked(self, schema: Schema) -> str:
        """The text for a schema, with the tables of installed models marked."""
        alias = self._alias()
        return baseline(schema, modelled(alias), "", carrying()) if databases.is_sqlite(alias) else write.write(schema)

    def do_adopt(self) -> None:
        target, path = self._target(swaps=True), self._schema_path()
        is_resumed = self._finish_swap()
        found = self._document() if path.exists() else None
        if found is None and not may_change_names(path.absolute().parent):
            raise Refused.of(
                Code.PERMISSION,
                f"there is no {path}, and it cannot be written: its folder is missing or not writable",
                "Use another path: manage.py schemasync adopt --schema PATH",
            )
        models = modelled(self._alias()) if found is None else None
        kept = models.kept if models is not None else made_elsewhere(self._alias())
        installed = asked_about(data_migrations(self._alias()))
        accepted = self._several("accept_data_migration")
        done = adopt.adopt(target, found, _labels(models), installed, accepted, kept, is_resumed=is_resumed)
        if models is not None:
            text = baseline(done.schema, models, f"taken from {target.layout.link.name}", carrying(), done.foreign)
            _write_text(path, text)
            if not (faults := _faults_of(text, path)):
                _note_document(target, done.generation, text)
            self._warn(output.shared.refused_later(faults))
        if conf.is_enabled():
            self._warn([hazard.message for hazard in check.unreadable(target, readers(self._alias()))])
        ignored, written = adopt.ignore_lines(target), found is None
        lines = output.adopt.lines(done, target.layout.link, path, ignored, self._page, written=written)
        self._print(lines, output.adopt.as_json(done, path, ignored, written=written))

    def _adopt_first(self) -> None:
        if not self._schema_path().exists():
            return  # the sync says what is missing
        target, wanted = self._target(swaps=True), self._document()
        done = adopted_by_itself(self._alias(), target, wanted, self._several("accept_data_migration"))
        if done is not None:
            self._say(output.adopt.by_itself(done, target.layout.link))

    def do_eject(self) -> None:
        target, link = self._target(swaps=True), databases.path_of(self._alias())
        self._finish_swap()
        eject.check(target)
        if not conf.is_enabled():
            done = eject.eject(target, None, lambda path: None)
            self._print(output.eject.lines(done, link, None, self._page), output.eject.as_json(done, ()))
            return
        wanted = self._document()
        self._refuse_out_of_step(target, wanted)
        new = migrations.lacking(Questioner(past(history.rows(target)), wanted, target.opener, can_ask=self._can_ask))
        self._say(output.eject.migrations(new, self._page))
        self._warn(output.eject.behind(lagging := migrations.lagging()))
        if self._is("dry_run"):
            self._print(["nothing was written"], output.eject.as_json(None, new, lagging))
            return
        with translated_errors(link):
            migrations.write(new, self.stderr)
        done = eject.eject(target, wanted.version, self._record)
        data = output.eject.as_json(done, new, lagging)
        self._print(output.eject.lines(done, link, self._migrate_risks(), self._page), data)

    def _refuse_out_of_step(self, target: Target, wanted: Document) -> None:
        seen = self._checked(target, wanted)
        models = agreement(lambda: self._export(check=True))
        if why := output.check.verdict(seen, models, self._kept(), strict=False):
            raise Refused.of(
                Code.MODELS_DIFFER,
                "models, schema.json and database differ, so migrations that are written now would not match it",
                "\n".join(why),
            )

    def _record(self, plain: Path) -> None:
        """Record in the plain file that every migration was run."""
        with on_file(self._alias(), plain):
            migrations.record(self._alias())

    def do_cutover(self) -> None:
        postpone.call(self._target())
        self._print(output.cutover.lines(), output.cutover.as_json())

    def do_prune(self) -> None:
        if self._is("hints"):
            self._prune_hints()
            return
        days = self.given.get("older_than")
        keep = self.given.get("keep", None if days is not None else conf.keep())
        older_than, dry_run = timedelta(days=days) if days is not None else None, self._is("dry_run")
        target = self._target()
        with translated_errors(target.layout.link):
            done = prune.prune(target, keep, older_than, dry_run=dry_run, reasons=self._reasons())
        self._print(output.prune.lines(done, dry_run=dry_run), output.prune.as_json(done, dry_run=dry_run))

    def _reasons(self) -> set[prune.Reason]:
        """The reasons for which an archive stays, and which are no longer to count."""
        branches = {prune.Reason.LEFT_BY_SWITCH} if self._is("branches") else set()
        return branches | ({prune.Reason.NOT_IN_HISTORY, prune.Reason.SET_ASIDE} if self._is("set_aside") else set())

    def _prune_hints(self) -> None:
        if other := [f"--{name.replace('_', '-')}" for name in ("keep", "older_than") if name in self.given]:
            raise UsageError.of(
                Code.BAD_OPTION, f"--hints removes no archives; {' and '.join(other)} is for these", "Run prune twice."
            )
        found, dry_run, path = self._document(), self._is("dry_run"), self._schema_path()
        hints = applied_hints.applied_hints(self._target(), found, made_elsewhere(self._alias()))
        if hints and not dry_run:
            _write_text(path, without_hints(found, hints))
        lines = output.prune.hint_lines(hints, path, dry_run=dry_run)
        self._print(lines, output.prune.hints_json(hints, dry_run=dry_run))

    def do_snapshot(self) -> None:
        path = Path(self.given["copy"])
        size = snapshot.snapshot(self._target(), path)
        self._print(output.snapshot.lines(path, size), output.snapshot.as_json(path, size))

    def do_hash(self) -> None:
        version = self._document(self._path("file")).version
        self._print(output.hash.lines(version), output.hash.as_json(version))

    def do_models(self) -> None:
        app = models_file.app_of(str(self.given["app"])) if self.given.get("app") else None
        path = self._path("output") or (models_file.file_of(app) if app is not None else None)
        if path is None and self._is("check"):
            raise UsageError.of(Code.BAD_OPTION, "--check compares a file", "Add --app LABEL or -o FILE.")
        found = self._generated(app, path)
        self._warn(output.models.not_expressed(notes(found.differences), self._page))
        if path is None:
            if self._json:
                self._as_json(output.models.as_json(found, "printed", None))
            else:
                self.stdout.write(found.text, ending="")
            return
        result: output.models.ModelsResult = "differs" if self._is("check") else "written"
        result = result if found.differs else "current"
        if result == "written":
            _write_text(path, found.text)
        self._print(output.models.lines(found, result, path), output.models.as_json(found, result, path))
        if result == "differs":
            hint = f"To write it: {self._models_command(app, path)}"
            raise CommandError(
                self._addressed(f"{shown(path)} differs from the models of the schema\n  {hint}"), returncode=1
            )

    def _generated(self, app: AppConfig | None, path: Path | None) -> models_file.Generated:
        wanted = self._document()
        validate_schema(wanted.schema, databases.opener(self._alias()), wanted.place)
        if path is not None and path.is_dir():
            raise Refused.of(Code.OUTPUT_EXISTS, f"{path} is a folder", f"Name a file in it: -o {path / 'models.py'}")
        # only the name of the file: the header must not depend on the folder that the command is run in
        command = self._models_command(app, Path(path.name) if path is not None else None)
        try:
            return models_file.generate(wanted, self._alias(), command, app, path)
        except OSError as error:
            raise of_disk(error, path or self._schema_path()) from error

    def _models_command(self, app: AppConfig | None, path: Path | None) -> str:
        words = [f"--database {shlex.quote(self._alias())}"] if self._alias() != DEFAULT_DB_ALIAS else []
        words += [f"--app {app.label}"] if app is not None else []
        words += [f"-o {shlex.quote(str(path))}"] if path is not None and "output" in self.given else []
        return " ".join(["manage.py schemasync models", *words])

    def _finish_swap(self) -> bool:
        """Finish an interrupted swap before schema.json is read: until then nobody can write, and an interrupted
        adoption has not written the file. True if there was one."""
        return bool(recovery.finish_swap(self._target(swaps=True)))

    def _was_renamed(self, question: Question) -> bool:
        """Ask it, and say what would be dropped. Raises UsageError if there is no answer."""
        held = row_counts.held(self._target(), question.table, question.column)
        return self._yes_or_no(f"{question.text} {output.export.meaning_of_no(question, held)}")

    # --- what they need -------------------------------------------------------------------------------------------

    def _must_be_able_to_ask(self, check: Callable[[Target], object]) -> None:
        if not self._asks_nothing and (self._json or not sys.stdin.isatty()):
            check(self._target())  # if no rollback is possible, report that instead
            option = " --in-place" if self._is("in_place") else ""
            nobody = "--json asks no question" if self._json else "there is no terminal"
            raise UsageError.of(
                Code.PROMPT_NEEDED,
                f"rollback asks before it acts, but {nobody}",
                f"To roll back without a question: manage.py schemasync rollback{option} --noinput\n"
                f"To see what would be done: manage.py schemasync rollback{option} --dry-run",
            )

    def _agree(self, ahead: rollback.Preview) -> bool:
        self._say(output.rollback.preview_lines(ahead, self._page))
        return self._asks_nothing or self._yes("Go back?")


def _faults_of(text: str, path: Path) -> list[str]:
    """What a database may have and a schema.json may not, such as a foreign key to a missing table."""
    try:
        document.read(text.encode(), str(path))
    except SchemaInvalid as error:
        return [problem.message for problem in error.problems]
    return []


def _labels(models: Modelled | None) -> dict[str, str]:
    """Maps each table to the model that owns it."""
    if models is None:
        return {}
    return {table.name: models.labels[fold(table.name)] for table in models.schema.tables}


def _note_document(target: Target, name: str, text: str) -> None:
    """Record that the generation matches this schema.json, so that the fast path of the next run finds it."""
    if (generation := target.layout.generation(name)) is not None:
        note(target, generation, Afterwards(document=up_to_date.digest(text.encode(), beside())))


def _write_text(path: Path, text: str) -> None:
    try:
        Disk().write_text(DiskStep.OUTPUT_WRITE, path, text)
    except OSError as error:
        raise of_disk(error, path) from error
