"""Rolls back to an earlier generation: GET shows the preview, POST acts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from .. import databases, errors
from ..engines.sqlite.verify.row_samples import RowSample
from ..errors import Problem, SchemasyncError
from ..files.read_file import read_file
from ..history.rows import schema_of
from ..management.local_time import local_time
from ..models import SchemaVersion
from ..orm.project import difference
from ..schema import document
from ..schema.text import short
from ..sync import rollback
from ..sync.rollback import Preview, RolledBack
from ..texts import span
from . import accounts
from .accounts import Accounts
from .history_rows import light
from .pages import Pages
from .selected_database import SelectedDatabase, actor_of
from .session import keep_signed_in, log, model_in

TYPED = 6  # characters of the version that the operator types
SHOWN = 5  # example rows of each kind for a table


@dataclass(frozen=True, slots=True)
class Code:
    """The version of the schema.json of this site's code. `fits`: the rollback leads to it. `is_known`: False if
    schema.json cannot be read."""

    version: str
    fits: bool
    is_known: bool = True


class UndoBy(StrEnum):
    """The users who could undo a rollback in the browser."""

    YOU = "you"
    OTHERS = "others"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Undo:
    """The ways to undo a rollback: a command on the server, and in the browser by these accounts."""

    command: str
    by: UndoBy
    names: tuple[str, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """True if possibly nobody can undo it in the browser."""
        return self.by in (UndoBy.NOBODY, UndoBy.UNKNOWN)


def page(admin: Pages, request: HttpRequest, selected: SelectedDatabase, pk: int) -> HttpResponse:
    """Show the preview of a rollback to one generation; POST rolls back."""
    admin.require(request, "rollback")
    row = light(SchemaVersion.objects.using(selected.alias)).filter(pk=pk).first()
    if row is None:
        messages.error(request, _("The history no longer has this row."))
        return admin.home(selected)
    if request.method == "POST":
        return _act(admin, request, selected, row)
    return _shown(admin, request, selected, row)


# --- showing ------------------------------------------------------------------------------------------------------


def _shown(
    admin: Pages, request: HttpRequest, selected: SelectedDatabase, row: SchemaVersion, wrong: str = ""
) -> HttpResponse:
    """Show the preview, which compares the two files."""
    try:
        ahead = rollback.preview(selected.target(), row.generation)
    except SchemasyncError as error:
        return _refused(admin, request, selected, row, error.problems)
    except (KeyError, ValueError) as error:
        return _refused(admin, request, selected, row, (_edited_history(error),))
    return _page(admin, request, selected, row, ahead, wrong)


def _edited_history(error: Exception) -> Problem:
    """Return the problem of a history whose rows somebody changed by hand."""
    return Problem(errors.Code.UNKNOWN_GENERATION, f"the history does not connect the two generations: {error}")


def _page(
    admin: Pages,
    request: HttpRequest,
    selected: SelectedDatabase,
    row: SchemaVersion,
    ahead: Preview,
    wrong: str = "",
) -> HttpResponse:
    some = rollback.examples(selected.target(), ahead, SHOWN)
    people = _accounts(request, selected, ahead.generation.name)
    context = {
        "row": row,
        "pk": row.pk,
        "live": ahead.live,
        "to": ahead.to,
        "to_since": local_time(ahead.to.applied_at),
        "live_since": local_time(ahead.live.applied_at),
        "tables": [_table(diff, some.get(diff.table, ())) for diff in ahead.written],
        "is_since": ahead.is_since,
        "is_complete": ahead.is_complete,
        "accounts": people,
        "undo": _undo(request, selected, people, ahead),
        "keep_writes": selected.addressed(_keep_writes(ahead)),
        "code": _code(selected, ahead.to.version),
        "typed": TYPED,
        "version": short(ahead.to.version),
        "expected": ahead.live.generation,
        "wrong": wrong,
    }
    title = _("Roll back to %(name)s?") % {"name": row.generation}
    return admin.render(request, "rollback.html", selected, title, context)


def _table(diff: Any, rows: tuple[RowSample, ...]) -> dict[str, Any]:
    return {"diff": diff, "examples": rows}


def _accounts(request: HttpRequest, selected: SelectedDatabase, to: str) -> Accounts | None:
    """Compare the accounts of the live file and of the generation `to`; return None if one of the two files is missing,
    or users are in another database."""
    live, path = selected.layout.live(), _path(selected, to)
    return accounts.compared(request, selected, live.path, path) if live is not None and path.exists() else None


def _undo(request: HttpRequest, selected: SelectedDatabase, people: Accounts | None, ahead: Preview) -> Undo:
    """Return how the rollback can be undone: in the browser only if the archive has the tables of users and
    sessions."""
    command = selected.addressed(f"manage.py schemasync rollback {ahead.live.generation}")
    if people is None or selected.tenant:  # accounts of operators are in another database, which stays as it is
        return Undo(command, UndoBy.YOU)
    schema = schema_of(ahead.to)
    if any(schema.table(table) is None for table in _needed_tables(selected)):
        return Undo(command, UndoBy.NOBODY)
    if people.can_undo is None:
        return Undo(command, UndoBy.UNKNOWN)
    if request.user.get_username() in people.can_undo:
        return Undo(command, UndoBy.YOU)
    return Undo(command, UndoBy.OTHERS if people.can_undo else UndoBy.NOBODY, people.can_undo)


def _keep_writes(ahead: Preview) -> str:
    """Return the command that previews a rollback with all rows of today; '' if there is nothing to keep, or the
    versions are equal."""
    is_of_use = ahead.is_since and ahead.written and ahead.live.version != ahead.to.version
    return f"manage.py schemasync rollback --keep-writes {ahead.to.generation} --dry-run" if is_of_use else ""


def _needed_tables(selected: SelectedDatabase) -> Iterator[str]:
    yield str(get_user_model()._meta.db_table)
    if (sessions := model_in(selected)) is not None:
        yield str(sessions._meta.db_table)


def _code(selected: SelectedDatabase, version: str) -> Code:
    try:
        read = document.read(read_file(selected.schema), str(selected.schema))
    except (SchemasyncError, OSError):
        return Code("", fits=False, is_known=False)
    return Code(short(read.version), fits=read.version == version and not difference(selected.alias, selected.schema))


def _refused(
    admin: Pages,
    request: HttpRequest,
    selected: SelectedDatabase,
    row: SchemaVersion,
    problems: tuple[Problem, ...],
) -> HttpResponse:
    title = _("%(name)s cannot go live again") % {"name": row.generation}
    return admin.render(request, "refused.html", selected, title, {"row": row, "pk": row.pk, "problems": problems})


# --- acting -------------------------------------------------------------------------------------------------------


def _act(admin: Pages, request: HttpRequest, selected: SelectedDatabase, row: SchemaVersion) -> HttpResponse:
    """Roll back, which compares the two files under its lock. If the form is invalid, show the preview again."""
    expected, live = request.POST.get("live", ""), _live(selected)
    if expected != live:
        wrong = _("%(name)s went live in the meantime. Check what a rollback means now, and decide again.")
        return _shown(admin, request, selected, row, wrong % {"name": live})
    version = _version(selected, row.generation)
    if request.POST.get("version", "").strip().lower() != version[:TYPED]:
        wrong = _("To roll back, type the first %(number)d characters of the version, %(version)s.")
        return _shown(admin, request, selected, row, wrong % {"number": TYPED, "version": version})
    people = _accounts(request, selected, row.generation)
    if people is not None and not people.may_roll_back:
        wrong = _("Your account would have more rights there than it has now. A superuser has to roll back.")
        return _shown(admin, request, selected, row, wrong)
    databases.let_go(selected.alias)
    try:
        done = rollback.rollback(
            selected.target(actor_of(request)), row.generation, lambda now: now.live.generation == expected
        )
    except SchemasyncError as error:
        if _live(selected) == expected:
            return _refused(admin, request, selected, row, error.problems)
        return _too_late(admin, request, selected, expected)
    except (KeyError, ValueError) as error:  # found by the comparison: nothing has happened
        return _refused(admin, request, selected, row, (_edited_history(error),))
    return (
        _too_late(admin, request, selected, expected) if done is None else _afterwards(admin, request, selected, done)
    )


def _path(selected: SelectedDatabase, name: str) -> Path:
    return selected.layout.folder / f"{name}.sqlite3"


def _version(selected: SelectedDatabase, generation: str) -> str:
    """Return the version that the generation has now: a backup restored into its file may have changed it."""
    rows = SchemaVersion.objects.using(selected.alias).filter(generation=generation).order_by("-id")
    return short(rows.values_list("version", flat=True)[0])


def _live(selected: SelectedDatabase) -> str:
    live = selected.layout.live()
    return live.name if live is not None else ""


def _too_late(admin: Pages, request: HttpRequest, selected: SelectedDatabase, left: str) -> HttpResponse:
    """Return the response if another generation went live while this request waited: the operator's session is in the
    previous one."""
    databases.let_go(selected.alias)
    stays = keep_signed_in(request, selected, _path(selected, left))
    text = _("Another operator was faster: %(name)s is live now. You changed nothing.")
    messages.warning(request, text % {"name": _live(selected)})
    return admin.home(selected) if stays else _signed_out(admin, request)


def _signed_out(admin: Pages, request: HttpRequest) -> HttpResponse:
    messages.warning(request, _("Your account is not the same there, so you are signed out."))
    return HttpResponseRedirect(reverse(f"{admin.admin_site.name}:login"))


def _afterwards(admin: Pages, request: HttpRequest, selected: SelectedDatabase, done: RolledBack) -> HttpResponse:
    """Carry over the session, write the log entry, and report the result, all in the file that is live now."""
    databases.let_go(selected.alias)
    ahead = done.preview
    text = _("%(to)s is live again, version %(version)s; writers waited %(waited)s. To undo it, roll back to %(from)s.")
    message = text % {
        "to": ahead.to.generation,
        "version": short(ahead.to.version),
        "waited": span(done.pause_ms),
        "from": ahead.live.generation,
    }
    stays = keep_signed_in(request, selected, _path(selected, ahead.live.generation))
    messages.success(request, message)
    if not stays:
        return _signed_out(admin, request)
    message = _("Rolled back from %(from)s.") % {"from": ahead.live.generation}
    if selected.tenant:
        _note(admin, request, selected, message)
        return admin.home(selected)
    row = SchemaVersion.objects.using(selected.alias).defer("schema", "hints", "plan").order_by("-id")[0]
    log(admin, request, row, message)
    return admin.home(selected)


def _note(admin: Pages, request: HttpRequest, selected: SelectedDatabase, message: str) -> None:
    """Record the rollback in the row and the log of a tenant. An error is ignored: the rollback itself is done."""
    from ..tenants.administered import row_of
    from ..tenants.behind import note_version

    with suppress(DatabaseError):
        note_version(selected.tenant)
        log(admin, request, row_of(selected.alias), message)
