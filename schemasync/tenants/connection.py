"""The connection to the file of one tenant."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import conf
from ..backends.sqlite3.base import Cursor, DatabaseWrapper
from ..backends.superseded import Moved
from ..databases import NEW_FILE, is_no_path
from ..engines.sqlite.connection_settings import set_query_only
from ..errors import Code
from . import lookup, open_files
from .context import entered_keys, is_read_only, refuse_other
from .paths import path_of
from .settings import tenant_settings


class TenantMoved(Moved):
    """The file of a tenant takes no writes, because the tenant has moved to another host. Nothing of the transaction
    was committed. `key`: the key of the tenant."""

    code = Code.OTHER_HOST

    def __init__(self, key: str, host: str) -> None:
        super().__init__(
            f'The tenant "{key}" has moved to the host "{host}", and its file here takes no writes. Nothing of this '
            "transaction was committed. Do it there."
        )
        self.key = key


class TenantConnection(DatabaseWrapper):
    """A connection to a tenant's file, which counts among the open files of the process. It measures nothing: figures
    of ten thousand files would take more memory than their connections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = threading.get_ident()
        self.last_use = 0
        self.is_asked_to_close = False
        self._is_read_only = False
        self._begin = self.begin

    def get_connection_params(self) -> dict[str, Any]:
        """Like the method of the backend, but with the path that the row of the tenant has now, or, during a run, with
        that of the new file."""
        if NEW_FILE not in self.settings_dict:
            self.settings_dict["NAME"] = path_of(self.key)
        params = of_a_tenant(super().get_connection_params(), Path(self.settings_dict["NAME"]))
        self._begin = self.begin
        if self._is_read_only:
            self.begin = "BEGIN"
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Like the method of the backend, but raise OtherTenant unless the tenant is entered: ON_STARTUP may sync the
        file by the shared entry."""
        refuse_other(self.key, f'the database "{self.alias}"')
        return super().get_new_connection(conn_params)

    def connect(self) -> None:
        self._is_read_only = False
        super().connect()
        found = tenant_settings()
        open_files.opened(self, found.open_files, frozenset(map(found.alias, entered_keys())))

    def _close(self) -> None:
        super()._close()  # type: ignore[misc]
        open_files.closed(self)

    def _cursor(self, name: str | None = None) -> Any:
        cursor = super()._cursor(name)
        if is_read_only(self.key) is not self._is_read_only:
            self._set_read_only(not self._is_read_only)
        return cursor

    def _set_read_only(self, is_on: bool) -> None:
        """Let SQLite refuse writes, with transactions by BEGIN, as BEGIN IMMEDIATE is a write; or accept them again."""
        set_query_only(self.connection, is_on)
        self._is_read_only = is_on
        self.begin = "BEGIN" if is_on else self._begin

    def moved(self, to: str) -> TenantMoved:
        """Return the error for a file that has moved. The row of the tenant is read again at its next use."""
        lookup.forget(self.key)
        return TenantMoved(self.key, to)

    @property
    def key(self) -> str:
        """The key of its tenant."""
        return conf.key_of(self.alias)

    def is_idle(self) -> bool:
        """True if no transaction is open, so that closing the connection loses nothing."""
        return not self.in_atomic_block and (self.connection is None or not self.connection.in_transaction)

    def close_for_good(self) -> None:
        """Close the connection, whose thread may have ended."""
        self.inc_thread_sharing()
        try:
            self.close()
        finally:
            self.dec_thread_sharing()

    def _measure(self, path: Path | None) -> None:
        unmeasured(self)


def of_a_tenant(params: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return parameters of a connection that creates no file: a tenant's file is missing if its disk is not mounted."""
    if not is_no_path(str(path)):
        params["database"] = f"file:{quote(str(path.absolute()))}?mode=rw"
        params["uri"] = True
    return params


def unmeasured(connection: DatabaseWrapper) -> None:
    """Let a connection measure nothing."""
    connection.kinds = itertools.repeat(Cursor)
