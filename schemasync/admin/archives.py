"""Archives in the admin: remove, verify, download."""

from __future__ import annotations

from contextlib import closing

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import conf, databases
from ..engines.sqlite.copies import exact_copy
from ..engines.sqlite.verify.integrity_check import faults
from ..errors import SchemasyncError
from ..files.layout import Generation
from ..files.temporary import taken_away
from ..management.local_time import local_time
from ..models import SchemaVersion
from ..sync import prune as pruning
from ..sync.run.error_translation import translated_errors
from ..texts import size
from .pages import Pages
from .selected_database import SelectedDatabase, actor_of

FEW = 5  # problems that the page shows


def prune(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> HttpResponse:
    """Show the archives that would be removed; POST removes exactly these."""
    admin.require(request, "prune")
    keep = _keep(request)
    found = pruning.choose(pruning.archives(selected.target()), keep, None)
    names = [archive.generation.name for archive in found.gone]
    if request.method == "POST" and request.POST.getlist("gone") == names:
        return _remove(admin, request, selected, keep)
    wrong = _("The archives have changed. Check again which ones would be removed.") if request.method == "POST" else ""
    context = {
        "found": found,
        "gone": [(one, local_time(one.at.isoformat()) if one.at is not None else "") for one in found.gone],
        "keep": keep,
        "wrong": wrong,
        "bytes": sum(one.bytes for one in found.gone),
    }
    return admin.render(request, "prune.html", selected, _("Remove old archives"), context)


def _keep(request: HttpRequest) -> int:
    """Return the number of archives to keep: at least one, so that a rollback is possible."""
    given = request.POST.get("keep") or request.GET.get("keep") or ""
    return max(1, int(given)) if given.isascii() and given.isdigit() and len(given) < 6 else conf.keep()


def _remove(admin: Pages, request: HttpRequest, selected: SelectedDatabase, keep: int) -> HttpResponse:
    try:
        shown = request.POST.getlist("gone")
        done = pruning.prune(selected.target(actor_of(request)), keep, None, dry_run=False, expected=shown)
    except SchemasyncError as error:
        messages.error(request, error.problems[0].message)
        return admin.home(selected)
    removed = size(sum(one.bytes for one in done.gone))
    number = len(done.gone)
    text = ngettext("%(count)d archive was removed, %(size)s.", "%(count)d archives were removed, %(size)s.", number)
    messages.success(request, text % {"count": number, "size": removed})
    return admin.home(selected)


def verify(admin: Pages, request: HttpRequest, selected: SelectedDatabase, pk: int) -> HttpResponse:
    """Check the whole file of a generation with SQLite's own checks, and report the result. Only POST, as it reads
    every page."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row, generation = _file(selected, pk)
    try:
        with (
            translated_errors(generation.path),
            closing(databases.opener(selected.alias).read(generation.path)) as connection,
        ):
            found = faults(connection)
    except SchemasyncError as error:
        found = [error.problems[0].message]
    if found:
        text = _("%(name)s is damaged: %(faults)s") % {"name": row.generation, "faults": "; ".join(found[:FEW])}
        messages.error(request, text)
    else:
        text = _("%(name)s is whole: every page, index and reference was checked.") % {"name": row.generation}
        messages.success(request, text)
    return admin.redirect(selected, "change", pk)


def database(admin: Pages, request: HttpRequest, selected: SelectedDatabase, pk: int) -> FileResponse:
    """Return a copy of the file of a generation, including its write-ahead log, as a download; writable, even if it is
    an archive."""
    admin.require(request, "download")
    row, generation = _file(selected, pk)
    copy = taken_away(lambda path: exact_copy(databases.opener(selected.alias), generation.path, path))
    return FileResponse(copy, as_attachment=True, filename=f"{row.generation}.sqlite3")


def _file(selected: SelectedDatabase, pk: int) -> tuple[SchemaVersion, Generation]:
    """Return the row and its file. Raises Http404 unless the history names the file and the folder has it."""
    row = SchemaVersion.objects.using(selected.alias).only("generation").filter(pk=pk).first()
    generation = selected.file_of(row.generation) if row is not None else None
    if row is None or generation is None:
        raise Http404
    return row, generation
