"""The inputs that a current file of a tenant was made from."""

from __future__ import annotations

from dataclasses import dataclass

from .. import conf, databases
from ..engines.sqlite.connection import Opener
from ..files.layout import Layout
from ..files.read_file import read_file
from ..history.row import HistoryRow
from ..orm.models_fingerprint import models_stamp
from ..orm.transforms import stamp
from ..sync import up_to_date
from .settings import tenant_settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """The inputs that decide whether a file is current: the bytes of schema.json and of the transforms in `data`, and
    the stamp of the models."""

    data: bytes
    stamp: bytes
    opener: Opener

    @property
    def digest(self) -> str:
        """The digest of all inputs."""
        return up_to_date.digest(self.data, self.stamp)

    def current(self, layout: Layout) -> HistoryRow | None:
        """Return the newest history row of a file that was made from these inputs; None for any other file."""
        return up_to_date.current(layout, self.opener, self.data, self.stamp)


def wanted() -> Wanted:
    """Return the present inputs of the tenants' files. Raises OSError without a schema.json."""
    entry = tenant_settings().entry
    data = read_file(conf.schema_path(entry)) + stamp(entry)
    return Wanted(data, models_stamp(), databases.opener(entry))
