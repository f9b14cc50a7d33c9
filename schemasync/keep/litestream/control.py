"""The control socket of a Litestream daemon: HTTP over a Unix socket. https://litestream.io/reference/socket/

This module does not use the command `sync`: after it the replica lacks rows of later transactions without any error
(0.5.17, findings/litestream_sync_loses_rows.sh).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote as url_quote

PATIENCE = 1.0  # seconds for an answer that needs no work; the daemon is on this machine


class LitestreamError(Exception):
    """Litestream does not answer, or has refused the request."""


@dataclass(frozen=True, slots=True)
class Replicated:
    """A database that the daemon replicates. `synced`: when its replica was last known to be complete."""

    path: str
    status: str
    synced: datetime | None


class _Connection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class Control:
    """Requests to the daemon that listens at `socket`. Each method may raise LitestreamError, also for an answer that
    is none of Litestream's."""

    socket: Path

    def databases(self) -> tuple[Replicated, ...]:
        """Return the databases that the daemon replicates."""
        with self._understood():
            found = self._ask("GET", "/list").get("databases") or ()
            return tuple(Replicated(one["path"], one["status"], _time(one.get("last_sync_at"))) for one in found)

    def position(self, path: str) -> int:
        """Return the number of the last transaction that the daemon has read from a database."""
        with self._understood():
            return int(self._ask("GET", f"/txid?path={url_quote(path)}").get("txid", 0))

    def started(self) -> float:
        """Return when the daemon was started, in seconds since 1970; 0 if it does not report that."""
        with self._understood():
            found = _time(self._ask("GET", "/info").get("started_at"))
            return 0.0 if found is None else found.timestamp()

    def register(self, path: str, replica: str) -> None:
        """Replicate a database. Do nothing if it is replicated already."""
        self._ask("POST", "/register", {"path": path, "replica_url": replica})

    def unregister(self, path: str, seconds: int) -> None:
        """Stop the replication of a database. The daemon first uploads the last changes, for at most `seconds`."""
        self._ask("POST", "/unregister", {"path": path, "timeout": seconds}, seconds)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise LitestreamError(f"{self.socket}: unexpected answer: {type(error).__name__}: {error}") from error

    def _ask(self, method: str, address: str, body: object = None, seconds: float = 0) -> dict[str, Any]:
        connection = _Connection(self.socket, PATIENCE + seconds)
        try:
            connection.request(method, address, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read() or b"{}")
        except (OSError, HTTPException, ValueError) as error:
            raise LitestreamError(f"{self.socket}: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise LitestreamError(str(answer.get("error", response.reason) if isinstance(answer, dict) else answer))
        return dict(answer)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
