"""Which database a page shows, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.http import Http404, HttpRequest

from .. import conf, databases
from ..files.layout import Generation, Layout
from ..sync.run.target import Target

PARAMETER = "db"  # of the query: which database, where there are several
PATIENCE = 5.0  # seconds that a page waits for a lock: an operator presses again, a browser gives up


@dataclass(frozen=True, slots=True)
class SelectedDatabase:
    """One database of the project; `others` are the aliases beside it."""

    alias: str
    others: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        return Layout(databases.path_of(self.alias))

    @property
    def schema(self) -> Path:
        """Where its schema.json is."""
        return conf.schema_path(self.alias)

    @property
    def query(self) -> str:
        """What an address of this place ends with."""
        return f"?{PARAMETER}={self.alias}" if self.others else ""

    def target(self, actor: str = "") -> Target:
        return Target(self.layout, databases.opener(self.alias), wait=PATIENCE, keep=conf.keep(), actor=actor)

    def file_of(self, name: str) -> Generation | None:
        """The generation of that name, where its file stands in the folder: nothing else can be named, or opened."""
        found = (g for g in self.layout.generations() if not g.building and g.name == name)
        return next((g for g in found if not g.path.is_symlink()), None)


def place_of(request: HttpRequest) -> SelectedDatabase:
    """The database that a request is about: the default one, if nothing is said. Raises Http404 for an unknown one."""
    known = databases.synced()
    wanted = request.POST.get(PARAMETER) or request.GET.get(PARAMETER) or (known[0] if known else "")
    if wanted not in known:
        raise Http404(f"no database {wanted!r} that schemasync looks after")
    return SelectedDatabase(wanted, tuple(alias for alias in known if alias != wanted))


def actor_of(request: HttpRequest) -> str:
    """Who does it, for the history."""
    return f"{request.user.get_username()} (admin)"
