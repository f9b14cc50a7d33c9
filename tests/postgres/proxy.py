"""A server between a client and PostgreSQL that breaks the connection once PostgreSQL has answered a COMMIT."""

from __future__ import annotations

import selectors
import socket
import threading
from pathlib import Path

PORT = ".s.PGSQL.5432"


class Proxy:
    """A proxy in `folder` for the socket in `behind`. If `armed`, the next COMMIT is passed on, but its response is
    not."""

    def __init__(self, folder: Path, behind: Path) -> None:
        self.armed = self.broke = False
        self._behind = behind
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / PORT))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._behind / PORT))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready, client, server:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            breaks = False
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is server and breaks:
                        self.broke = True
                        return
                    key.data.sendall(data)
                    if key.fileobj is client and self.armed and b"COMMIT" in data:
                        self.armed, breaks = False, True

    def close(self) -> None:
        self._listening.close()
