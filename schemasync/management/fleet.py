"""The actions of `schemasync tenants`. Their imports need the app schemasync.tenants in the project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections

from .. import conf
from ..actions.addressed import addressed
from ..actions.database import Database
from ..actions.sync_options import limits
from ..engines.sqlite.one_query import QueryLimits
from ..errors import Code, SchemasyncError, UsageError
from . import output, schedules
from .output.shared import problem
from .output.terminal import Page

CHANGES = ("sync", "rollback", "adopt", "restore")  # actions after which a tenant may have another version
WRITE = "Run 'manage.py makemigrations' to write the models into it, and then this command again."

if TYPE_CHECKING:
    from ..tenants.across import Answer as Answer
    from ..tenants.fleet.backup import BackupsReport
    from ..tenants.fleet.health import HealthReport
    from ..tenants.fleet.rollback import RollbackReport as RollbackReport
    from ..tenants.fleet.run import FleetReport
    from ..tenants.fleet.standing import Standing
    from ..tenants.fleet.status import FleetStatus
    from ..tenants.models import Tenant
    from ..tenants.moving.balancing import Balance
    from ..tenants.moving.sender import Moved
    from ..tenants.routes import Routes


def template(database: Database) -> Database:
    """Return the database of the entry that all tenants share. Raises UsageError in a project without tenants."""
    if not apps.is_installed("schemasync.tenants"):
        raise UsageError.of(
            Code.NO_TENANTS,
            "schemasync.tenants is not in INSTALLED_APPS",
            "A project with tenants has it: docs/howto/tenants.md of schemasync.",
        )
    from ..tenants.models import Tenant
    from ..tenants.settings import tenant_settings

    if Tenant._meta.db_table not in connections[DEFAULT_DB_ALIAS].introspection.table_names():
        raise UsageError.of(
            Code.NO_TENANTS, "the default database has no table of tenants yet", "To create it: manage.py migrate"
        )
    return replace(database, alias=tenant_settings().entry, schema=None)


def status(at: Database, given: Mapping[str, Any]) -> FleetStatus:
    """Return the state of all tenants, or of those in a group."""
    from ..tenants.fleet.status import fleet_status

    if not at.schema_path.is_file():
        at.document()  # raises, with a hint how to get the file
    return fleet_status(str(given.get("group", "")), at.dialogue.progress)


def ahead(at: Database) -> list[str]:
    """Return a line like that of `migrate` if the models have changes that schema.json does not have."""
    from ..orm.project import difference

    differs = difference(at.alias, at.schema_path) if conf.is_enabled() else ""
    return [f"The models differ from schema.json ({differs}), and this difference is not applied. {WRITE}"] * bool(
        differs
    )


def sync(
    at: Database, given: Mapping[str, Any], say: Callable[[Sequence[str]], object] | None, page: Page
) -> FleetReport:
    """Sync all tenants; pass the plans to `say` before."""
    from ..tenants.fleet.each import FleetOptions
    from ..tenants.fleet.run import sync_tenants

    options = FleetOptions(**_options(given))

    def show(one: Standing, number: int) -> None:
        if say is not None:
            say(_plan_lines(at, one, number, page))

    return sync_tenants(at, options, show)


def ask_all_hosts(at: Database, given: Mapping[str, Any]) -> tuple[str, list[str], list[str]]:
    """Request a sync of their tenants from all hosts; return the version, all hosts, and the hosts on which a sync
    already runs."""
    from ..tenants.django_tasks import ask_all_hosts as ask
    from ..tenants.settings import tenant_settings

    version = at.document().version
    running = ask(version, _options(given))
    return version, list(tenant_settings().hosts), running


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options that are fields of FleetOptions."""
    from ..tenants.fleet.each import FleetOptions

    return {one.name: given[one.name] for one in fields(FleetOptions) if one.name in given}


def roll_back(at: Database, given: Mapping[str, Any]) -> RollbackReport:
    """Roll back one tenant, or all tenants of a release. Raises UsageError."""
    from ..tenants.fleet.each import FleetOptions
    from ..tenants.fleet.rollback import roll_back_release, roll_back_tenant
    from ..tenants.fleet.rollback_one import Writes

    key, release, is_dry_run = given.get("subject"), given.get("release"), bool(given.get("dry_run"))
    asked = [one for one in (Writes.LEAVE, Writes.KEEP) if given.get(f"{one.value}_writes")]
    if bool(key) == bool(release) or len(asked) > 1:
        raise UsageError.of(
            Code.BAD_OPTION,
            "a rollback needs a tenant or a version, and at most one of --leave-writes and --keep-writes",
            "manage.py schemasync tenants rollback KEY, or: manage.py schemasync tenants rollback --version VERSION",
        )
    writes = asked[0] if asked else Writes.REFUSE
    if key:
        return roll_back_tenant(at, str(key), writes, is_dry_run=is_dry_run)
    options = FleetOptions(**_options(given))
    return roll_back_release(at, str(release), options, writes, is_dry_run=is_dry_run)


def create(given: Mapping[str, Any]) -> Tenant:
    """Create a tenant. Raises UsageError, and the errors of `create_tenant`."""
    from ..tenants.creation import create_tenant

    if not (key := given.get("subject")):
        raise UsageError.of(Code.BAD_OPTION, "a new tenant needs a key", "manage.py schemasync tenants create KEY")
    labels = dict(_label(text) for text in given.get("label", ()))
    more = {name: given[name] for name in ("name", "host", "group", "pinned") if name in given}
    return create_tenant(str(key), labels=labels, **more)


def _label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError.of(Code.BAD_OPTION, f"--label {text} is no label", "Use for example: --label region=eu")
    return name, value


def back_up(at: Database, given: Mapping[str, Any]) -> BackupsReport:
    """Make a backup of each tenant, or of the named ones."""
    from ..tenants.fleet.backup import Backup
    from ..tenants.fleet.backup import back_up as make

    flags = [bool(given.get(name)) for name in ("prune", "compact", "dry_run")]
    job = Backup(str(given.get("to", "")), given.get("due"), *flags)
    return make(at, _keys(given), job, given.get("workers", 1))


def health(at: Database, given: Mapping[str, Any]) -> HealthReport:
    """Check whether the database of each tenant, or of the named ones, can be used."""
    from ..tenants.fleet.health import check_all

    return check_all(at, _keys(given), given.get("workers", 1))


def _named(given: Mapping[str, Any]) -> list[str] | None:
    """Return the named tenants, as `--tenant` may be given once or be repeated; None if none is named."""
    found = given.get("tenant")
    return None if not found else [found] if isinstance(found, str) else list(found)


def _keys(given: Mapping[str, Any]) -> list[str]:
    """Return the named tenants, or all of this host. Raises UnknownTenant."""
    from ..tenants.fleet.standing import served_keys
    from ..tenants.lookup import check

    keys = _named(given) or []
    for key in keys:
        check(key)
    return keys or served_keys(str(given.get("group", "")))


DUE = 20  # hours: a backup a day, also after one that came late


def backup_schedule(kind: schedules.ScheduleFormat, given: Mapping[str, Any]) -> str:
    """Return the schedule of these backups as a text that can be installed."""
    options = ["--due", f"{given.get('due', DUE):g}"]
    for name in ("group", "to", "workers"):
        options += [f"--{name}", str(given[name])] if given.get(name) else []
    for key in _named(given) or ():
        options += ["--tenant", str(key)]
    return schedules.schedule_of_tenants(kind, [*options, *["--compact"] * bool(given.get("compact"))])


def move_tenant(at: Database, given: Mapping[str, Any]) -> Moved:
    """Move a tenant to another host, or open it again after an interrupted move. Raises UsageError."""
    from ..tenants.moving import sender
    from ..tenants.moving.sending import MoveLimits

    key, to = given.get("subject"), given.get("to")
    if not key or bool(to) == bool(given.get("undo")):
        raise UsageError.of(
            Code.BAD_OPTION,
            "a move needs a tenant, and a host or --undo",
            "manage.py schemasync tenants move KEY --to HOST",
        )
    if given.get("undo"):
        return sender.undo_move(at, str(key))
    return sender.move_tenant(at, str(key), str(to), MoveLimits(cutover=limits(given)))


def balance(at: Database, given: Mapping[str, Any]) -> Balance:
    """Propose moves, and with --apply make some of them. Raises UsageError."""
    from ..tenants.moving.balancing import balance as propose
    from ..tenants.moving.sending import MoveLimits

    if given.get("max_moves") and not given.get("apply"):
        raise UsageError.of(
            Code.BAD_OPTION, "--max-moves is of use only with --apply", "Add it, or remove --max-moves."
        )
    moves = given.get("max_moves", 1) if given.get("apply") else 0
    return propose(at, moves, MoveLimits(cutover=limits(given)))


def receive() -> None:
    """Run the receiving side of a move, on standard input and output."""
    from ..tenants.moving.receiver import receive as serve

    serve()


@contextmanager
def within(database: Database, key: str, action: str) -> Iterator[str]:
    """Enter a tenant for an action, and yield the alias of its database within the block. Raises UnknownTenant, Refused
    for a tenant without a file unless the action is `restore`, and UsageError in a project without tenants."""
    alias = template(database).alias
    from ..tenants import tenant
    from ..tenants.behind import note_version
    from ..tenants.paths import refuse_without_file

    with tenant(key):
        if action != "restore":
            refuse_without_file(key)
        yield alias
    if action in CHANGES:
        note_version(key)


def routes(given: Mapping[str, Any]) -> tuple[Routes, str]:
    """Return the hosts of the tenants, and their text in the requested format. Raises UsageError."""
    from ..tenants.fleet.as_json import routes_json
    from ..tenants.routes import RoutesFormat, caddy, nginx
    from ..tenants.routes import routes as all_routes

    try:
        asked = RoutesFormat(given.get("format", RoutesFormat.NGINX))
    except ValueError as error:
        names = ", ".join(RoutesFormat)
        raise UsageError.of(Code.BAD_OPTION, f"routes have no format {given['format']}", f"Use {names}.") from error
    found = all_routes()
    match asked:
        case RoutesFormat.NGINX:
            return found, nginx(found)
        case RoutesFormat.CADDY:
            return found, caddy(found)
        case RoutesFormat.JSON:
            return found, json.dumps(routes_json(found), indent=1)


def report(given: Mapping[str, Any], failed: Callable[[Answer], object]) -> Iterator[Answer]:
    """Yield the answers without problems; pass the others to `failed`. Raises UsageError."""
    from ..tenants.across import report as ask

    if given.get("format", "table") not in ("table", "csv", "json"):
        raise UsageError.of(Code.BAD_OPTION, f"a report has no format {given['format']}", "Use table, csv or json.")
    if not (sql := given.get("subject")):
        raise UsageError.of(
            Code.BAD_OPTION, "a report needs a query", 'manage.py schemasync tenants report "SELECT count(*) FROM …"'
        )
    names = {"seconds": "seconds", "rows": "most_rows"}
    limits = QueryLimits(**{name: given[option] for name, option in names.items() if option in given})
    more = {"workers": given["workers"]} if "workers" in given else {}
    for answer in ask(sql, _named(given), group=str(given.get("group", "")), limits=limits, **more):
        if answer.problems:
            failed(answer)
        else:
            yield answer


def _plan_lines(at: Database, one: Standing, number: int, page: Page) -> list[str]:
    """Return the plan for all tenants in one state, made for one of them."""
    from ..actions import plan
    from ..tenants.context import entered
    from ..tenants.fleet.one import FOR_EACH

    lines = [output.tenants.state(one, number)]
    try:
        with entered(one.key):
            planned = plan.plan(at, FOR_EACH)
    except SchemasyncError as error:
        return [*lines, *(addressed(problem(found), {"tenant": one.key}) for found in error.problems)]
    return lines if isinstance(planned, plan.AfterAdoption) else [*lines, *output.plan.lines(planned, page)]
