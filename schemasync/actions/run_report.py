"""Writes the report of a sync as HTML or JSON, also if the sync was refused or failed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypedDict

from django.template import Context, Engine

from .. import __version__, databases
from ..errors import Code, Problem, Refused, SchemasyncError, UsageError
from ..files.disk import Disk, DiskStep
from ..files.layout import Layout
from ..files.permissions import may_change_names
from ..orm.export_decisions import Decisions
from ..orm.migrated_apps import Progress as MigrationProgress
from ..orm.pending_migrations import Goal
from ..plan.model import Action
from ..sync import history
from ..sync.phases.decide import SyncOptions
from ..sync.run.log_samples import SampleJson
from ..sync.run.recorder import Recorder, RunJson
from ..sync.run.report import Report
from . import sync as sync_action
from .database import Database
from .sync import SyncJson

TITLE = "schemasync report"  # a later report may replace a file that begins with it
BEGINNING = 200  # bytes at the start of a file that are searched for it
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


class VerificationJson(TypedDict):
    """The comparison of the new file with the old one."""

    is_full: bool
    """Whether kept and altered tables were compared, too."""
    tables: list[str]
    """The tables whose rows were all compared; empty if the run ended before the comparison."""


class ReportJson(TypedDict):
    """The file that `manage.py schemasync --report FILE.json` writes."""

    title: str
    database: str
    """The alias."""
    path: str
    """The path that applications open."""
    actor: str
    tool_version: str
    """The version of schemasync."""
    sqlite_version: str
    outcome: SyncJson
    """The output of `--json`."""
    verification: VerificationJson
    run: RunJson
    samples: list[SampleJson]
    """The write-ahead log of the live file: a sample a second, fewer in a run of more than ten minutes."""


def sync(
    database: Database,
    options: SyncOptions,
    reports: Sequence[Path] = (),
    *,
    exports: Decisions | None = None,
    progress: MigrationProgress | None = None,
    goal: Goal | None = None,
) -> Report:
    """Run a sync like `actions.sync`, and write a report to each of these files. Raises UsageError or Refused, before
    anything else is done, if one of them cannot be written. A later failure to write one is a warning."""
    check(reports)
    recorder = Recorder()
    try:
        done = sync_action.sync(database, options, exports=exports, progress=progress, goal=goal, recorder=recorder)
    except SchemasyncError as error:
        if reports:
            _write(database, reports, _report(database, options, recorder, _failed(database, error)))
        raise
    if reports:
        _write(database, reports, _report(database, options, recorder, sync_action.as_json(done)))
    return done


def check(reports: Sequence[Path]) -> None:
    """Raise UsageError for a file that is neither HTML nor JSON, and Refused with all files that cannot be written."""
    for path in reports:
        if path.suffix not in _TEXTS:
            raise UsageError.of(
                Code.BAD_OPTION, f"--report {path} is neither HTML nor JSON", "Use a name that ends in .html or .json."
            )
    if problems := [problem for path in reports if (problem := _obstacle(path)) is not None]:
        raise Refused(problems)


def _obstacle(path: Path) -> Problem | None:
    """Return the reason why no report can be written to this path; None if there is none."""
    folder = path.absolute().parent
    if not folder.is_dir():
        return Problem(Code.NO_FOLDER, f"there is no folder {folder} for the report", f"mkdir -p {folder}")
    if not may_change_names(folder):
        return Problem(Code.PERMISSION, f"the folder {folder} is not writable", "Name another file for the report.")
    if path.exists() and not _is_report(path):
        hint = "Name another file: only an earlier report is replaced."
        return Problem(Code.OUTPUT_EXISTS, f"{path} exists, and is no report", hint)
    return None


def _is_report(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return TITLE.encode() in file.read(BEGINNING)
    except OSError:
        return False


def _report(database: Database, options: SyncOptions, recorder: Recorder, outcome: SyncJson) -> ReportJson:
    compared = (Action.REWRITE, Action.DERIVE, *((Action.KEEP, Action.ALTER) if options.verify_full else ()))
    return {
        "title": f"{TITLE}: {outcome['result']}",
        "database": database.alias,
        "path": str(database.link),
        "actor": databases.actor(),
        "tool_version": __version__,
        "sqlite_version": sqlite3.sqlite_version,
        "outcome": database.addressed(outcome),
        "verification": {
            "is_full": options.verify_full,
            "tables": [name for name, table in outcome["tables"].items() if table["action"] in compared],
        },
        "run": recorder.as_json(),
        "samples": [one.as_json() for one in recorder.samples.found],
    }


def _failed(database: Database, error: SchemasyncError) -> SyncJson:
    try:
        version = database.document().version
    except SchemasyncError:
        version = None
    return sync_action.failed_json(
        error, version, history.live(Layout(database.link), databases.opener(database.alias))
    )


def _write(database: Database, reports: Sequence[Path], report: ReportJson) -> None:
    for path in reports:
        try:
            Disk().write_text(DiskStep.OUTPUT_WRITE, path, _TEXTS[path.suffix](report))
        except OSError as error:
            database.dialogue.warn(f"the report was not written to {path}: {error.strerror or error}")


def _json(report: ReportJson) -> str:
    return json.dumps(report, ensure_ascii=False, indent=2) + "\n"


@cache
def _engine() -> Engine:
    """Return a template engine of schemasync's own: a project need not have one that finds the template."""
    return Engine(dirs=[str(TEMPLATES)], libraries={"schemasync": "schemasync.templatetags.schemasync"})


def _html(report: ReportJson) -> str:
    tables = report["outcome"]["tables"]
    figures = {
        "tables": [one for one in tables.items() if one[1]["action"] != Action.KEEP],
        "kept": sum(one["action"] == Action.KEEP for one in tables.values()),
        "longest": max((phase["seconds"] for phase in report["run"]["phases"]), default=0.0),
        "chart": _chart(report["samples"]),
    }
    return _engine().get_template("schemasync/report.html").render(Context({"report": report, **report, **figures}))


def _chart(samples: Sequence[SampleJson]) -> str:
    """Return the points of an SVG line through the sizes of the log, in a box of 1000 by 90; '' without samples or
    log."""
    most, last = max((one["log_bytes"] for one in samples), default=0), samples[-1]["seconds"] if samples else 0.0
    if not most or not last:
        return ""
    return " ".join(f"{1000 * one['seconds'] / last:.0f},{85 - 80 * one['log_bytes'] / most:.0f}" for one in samples)


_TEXTS = {".html": _html, ".json": _json}
