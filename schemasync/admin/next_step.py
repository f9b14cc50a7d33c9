"""The next step on the overview, as text for users who may do it here and for users who may not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from .. import conf
from ..models import SchemaVersion
from ..sync.status import Status
from .background_run import is_at_work
from .history_rows import light
from .pages import Pages
from .selected_database import SelectedDatabase


class Difference(StrEnum):
    """The kind of difference between schema.json and the models, or the database."""

    NONE = "none"
    PENDING = "pending"
    """A sync or an export makes them agree."""
    EARLIER = "earlier"
    """The database had the version of schema.json earlier, so a sync refuses."""
    BY_HAND = "by hand"
    UNKNOWN = "unknown"
    """They could not be compared."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A comparison of schema.json with the models or the database. `lines`: the differences, one for each table.
    `earlier`: the newest history row with the version of schema.json, if the database had it earlier."""

    difference: Difference
    lines: tuple[str, ...] = ()
    earlier: SchemaVersion | None = None

    @property
    def agrees(self) -> bool:
        return self.difference is Difference.NONE

    @property
    def is_known(self) -> bool:
        return self.difference is not Difference.UNKNOWN


@dataclass(frozen=True, slots=True)
class Findings:
    """The status and comparisons of the overview; `models` is None if the models are not used."""

    status: Status
    models: Agreement | None
    database: Agreement


@dataclass(frozen=True, slots=True)
class NextStep:
    """A sentence; a link to the page that does it, for users who may; and commands to type on the server."""

    text: str
    link: str = ""
    link_text: str = ""
    commands: tuple[str, ...] = ()


def next_step(admin: Pages, request: HttpRequest, selected: SelectedDatabase, found: Findings) -> NextStep | None:
    """Return the next step; None if there is no live generation: the page then shows how to begin."""
    status = found.status
    if status.live is None:
        return None
    if status.problems:
        return NextStep(_("Somebody has to look at the messages above. Each of them says what to do."))
    if status.waits:
        return NextStep(_("A run is ready and waits for this command:"), commands=(_command(selected, "cutover"),))
    if status.run is not None or is_at_work(selected):
        return NextStep(_("Wait until the run has ended."))
    if found.models is not None and found.models.difference is Difference.UNKNOWN:
        return _unknown(selected)
    if found.models is not None and not found.models.agrees:
        return NextStep(
            _(
                "Where the code is developed, write the models into schema.json with this command, and commit the file."
                " On a server, deploy the schema.json that belongs to the code."
            ),
            commands=(_command(selected, "export"),),
        )
    return _of_database(admin, request, selected, found.database)


def had_earlier(selected: SelectedDatabase, version: str) -> SchemaVersion | None:
    """Return the newest history row with this version; None if the database never had it."""
    rows = light(SchemaVersion.objects.using(selected.alias)).filter(version=version)
    return rows.order_by("-id").first()


def _of_database(admin: Pages, request: HttpRequest, selected: SelectedDatabase, database: Agreement) -> NextStep:
    match database.difference:
        case Difference.NONE:
            return _nothing_to_do(admin, request, selected)
        case Difference.UNKNOWN:
            return _unknown(selected)
        case Difference.BY_HAND:
            text = _("Decide whether to keep or to undo what was changed by hand. This command says how:")
            return NextStep(text, commands=(_command(selected, "plan"),))
        case Difference.EARLIER:
            assert database.earlier is not None
            return _to_earlier(admin, request, selected, database.earlier)
        case Difference.PENDING:
            return _to_schema_json(admin, request, selected)


def _unknown(selected: SelectedDatabase) -> NextStep:
    text = _("Fix what prevents the comparison. This command says more:")
    return NextStep(text, commands=(_command(selected, "check"),))


def _nothing_to_do(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> NextStep:
    if admin.may(request, "rollback") and len(selected.layout.finished()) > 1:
        return NextStep(_("There is nothing to do. To roll back, choose an archive in the list below."))
    return NextStep(_("There is nothing to do."))


def _to_schema_json(admin: Pages, request: HttpRequest, selected: SelectedDatabase) -> NextStep:
    commands = (_command(selected, "plan"), _command(selected))
    if selected.tenant or not conf.runs_from_admin():
        text = _("Bring the database to schema.json. On the server, look at the plan, then run it:")
        return NextStep(text, commands=commands)
    if not admin.may(request, "run"):
        text = _("Somebody with the permission “%(permission)s” can bring the database to schema.json here.")
        return NextStep(_or_on_the_server(admin, text, "run_schemaversion"), commands=commands)
    return NextStep(_("Bring the database to schema.json."), _link("run", selected), _("Look at the plan, and run it"))


def _to_earlier(admin: Pages, request: HttpRequest, selected: SelectedDatabase, earlier: SchemaVersion) -> NextStep:
    """Return the next step if an older release of the code is running, or somebody rolled back."""
    text = _("The database had the version of schema.json earlier, in %(generation)s.")
    text = text % {"generation": earlier.generation} + " "
    if _was_altered(selected, earlier):
        text += _(
            "That file was altered since. Deploy the schema.json of the live version, or bring today's rows back:"
        )
        return NextStep(text, commands=(_command(selected, "--allow-older"),))
    if selected.file_of(earlier.generation) is None:
        text += _("Its file is gone. Deploy the schema.json of the live version, or bring today's rows to that one:")
        return NextStep(text, commands=(_command(selected, "--allow-older"),))
    text += _("Deploy the schema.json of the live version, or go back to that generation.") + " "
    if admin.may(request, "rollback"):
        return NextStep(text, _link("rollback", selected, earlier.pk), _("See what rolling back would do"))
    text += _or_on_the_server(
        admin, _("Somebody with the permission “%(permission)s” can roll back here."), "rollback_schemaversion"
    )
    return NextStep(text, commands=(_command(selected, "rollback", str(earlier.generation)),))


def _was_altered(selected: SelectedDatabase, row: SchemaVersion) -> bool:
    """True if the generation of the row has another version by now."""
    of_file = light(SchemaVersion.objects.using(selected.alias)).filter(generation=row.generation)
    newest = of_file.order_by("-id").first()
    return newest is not None and newest.version != row.version


def _or_on_the_server(admin: Pages, text: str, permission: str) -> str:
    return text % {"permission": admin.name_of(permission)} + " " + _("Or on the server:")


def _command(selected: SelectedDatabase, *words: str) -> str:
    return selected.addressed(" ".join(["manage.py schemasync", *words]))


def _link(page: str, selected: SelectedDatabase, *arguments: object) -> str:
    return reverse(f"admin:schemasync_schemaversion_{page}", args=arguments) + selected.query
