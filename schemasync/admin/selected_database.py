"""The database that a page shows, and its files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import router
from django.db.models import Model
from django.http import Http404, HttpRequest

from .. import conf, databases
from ..actions.addressed import addressed
from ..files.layout import Generation, Layout

if TYPE_CHECKING:
    from ..sync.run.target import Target

PARAMETER = "db"  # of the query: selects the database if there are several
PATIENCE = 5.0  # seconds that a page waits for a lock: after that, operators and browsers give up


@dataclass(frozen=True, slots=True)
class SelectedDatabase:
    """One database of the project; `others` are the other aliases."""

    alias: str
    others: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        return Layout(databases.path_of(self.alias))

    @property
    def schema(self) -> Path:
        """The path of its schema.json."""
        return conf.schema_path(self.alias)

    @property
    def query(self) -> str:
        """The query string that selects this database in URLs; empty for the only one."""
        return f"?{PARAMETER}={self.alias}" if self.others or self.tenant else ""

    @property
    def tenant(self) -> str:
        """The key of the tenant to which it belongs; empty for a database that is no tenant's."""
        return conf.key_of(self.alias)

    def has(self, model: type[Model]) -> bool:
        """True if the rows of a model are in this database."""
        if not self.tenant:
            return bool(router.db_for_write(model) == self.alias)
        from ..tenants.administered import has

        return has(self.alias, model)

    def inside(self) -> AbstractContextManager[None]:
        """Return a context manager in which sessions and signed values are those of its tenant, if it belongs to
        one."""
        if not self.tenant:
            return nullcontext()
        from ..tenants.context import entered

        return entered(self.tenant)

    def addressed(self, text: str) -> str:
        """Return the text with this database in each command that uses one."""
        return addressed(text, {"database": conf.entry_of(self.alias), "tenant": self.tenant or None})

    def target(self, actor: str = "") -> Target:
        from ..keep.litestream.settings import litestream
        from ..sync.run.target import Target

        return Target(
            self.layout,
            databases.opener(self.alias),
            wait=PATIENCE,
            keep=conf.keep(),
            actor=actor,
            adopting_command=conf.adopting_command(),
            replication=litestream(self.alias),
        )

    def file_of(self, name: str) -> Generation | None:
        """Return the generation with that name, if its file is in the folder: pages can open no other file."""
        found = (g for g in self.layout.generations() if not g.building and g.name == name)
        return next((g for g in found if not g.path.is_symlink()), None)


def selected_database(request: HttpRequest) -> SelectedDatabase:
    """Return the database of a request; without a parameter the first one. Raises Http404 for an unknown one."""
    known = databases.synced()
    wanted = request.POST.get(PARAMETER) or request.GET.get(PARAMETER) or (known[0] if known else "")
    if wanted not in known and not _is_of_tenant(wanted):
        raise Http404(f"schemasync manages no database {wanted!r}")
    return SelectedDatabase(wanted, tuple(alias for alias in known if alias != wanted))


@contextmanager
def reachable(selected: SelectedDatabase) -> Iterator[None]:
    """Make the database of a tenant usable within the block. Raises Http404 for a tenant that is unknown, archived or
    on another host, and Refused for one without a file."""
    from ..tenants.administered import administered
    from ..tenants.context import OtherHost, UnknownTenant

    with ExitStack() as stack:
        try:
            stack.enter_context(administered(selected.alias))
        except (UnknownTenant, OtherHost) as error:
            raise Http404(str(error)) from error
        yield


def _is_of_tenant(alias: str) -> bool:
    """True for the name of a tenant's database, even if there is no such tenant."""
    if not apps.is_installed("schemasync.tenants"):
        return False
    from ..tenants.settings import tenant_settings

    return tenant_settings().key(alias) is not None


def actor_of(request: HttpRequest) -> str:
    """Return the actor for the history."""
    return f"{request.user.get_username()} (admin)"
