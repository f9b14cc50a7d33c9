"""Writers and readers that are clients of a real WSGI server: gunicorn with processes and threads, as sites run it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from .workers import DJANGO_S_KEPT, OURS, Backend
from .writers import SUPERSEDED, MakePlan, NotDone, Plan, Reads, Seen, Unanswered, Writer, mixed

ROOT = Path(__file__).resolve().parents[2]
PROCESSES, THREADS = 4, 2
PATIENCE = 120.0  # seconds for an answer


class Served:
    """A server of 4 processes with 2 threads, each with a connection of its own, and clients in other processes."""

    threads = 1

    def __init__(self, backend: Backend = OURS, make_plan: MakePlan = mixed) -> None:
        self.backend, self.make_plan = backend, make_plan
        self.never_fails = backend is OURS
        self.reads = Reads.STALE if backend is DJANGO_S_KEPT else Reads.AT_ONCE
        self.server: subprocess.Popen[bytes] | None = None

    def start(self, link: Path, folder: Path) -> None:
        self.log = folder / "server.log"
        with closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as listening, self.log.open("wb") as log:
            self.port = listening.getsockname()[1]
            self.server = subprocess.Popen(
                _command(listening.fileno(), folder),
                cwd=ROOT,
                env={**os.environ, "LEDGER_DATABASE": json.dumps(self.backend.settings(link))},
                pass_fds=[listening.fileno()],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """Stop the server, which first answers its open requests."""
        if self.server is None:
            return
        self.server.terminate()
        try:
            self.server.wait(PATIENCE)
        finally:
            self.server.kill()
            self.server.wait()
            self.server = None

    def kill_a_process(self) -> None:
        """kill -9 a process of the server; gunicorn starts another one."""
        os.kill(_Client(self).ask("GET")["process"], signal.SIGKILL)

    def enter(self) -> None: ...

    def writer(self) -> Writer:
        return _Client(self)


def _command(socket_number: int, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "tests.live.site:application"),
        *("--bind", f"fd://{socket_number}", "--worker-tmp-dir", str(folder), "--no-control-socket", "--preload"),
        *("--worker-class", "gthread", "--workers", str(PROCESSES), "--threads", str(THREADS)),
        *("--timeout", f"{PATIENCE:.0f}", "--graceful-timeout", f"{PATIENCE:.0f}", "--log-level", "warning"),
    ]


class _Client:
    """A client that opens a connection for each request, so that any thread of any process may serve it."""

    def __init__(self, served: Served) -> None:
        self.port, self.log, self.backend = served.port, served.log, served.backend

    def do(self, plan: Plan) -> None:
        self.ask("POST", json.dumps(plan))

    def look(self) -> Seen:
        answer = self.ask("GET")
        return Seen(answer["balance"], answer["moved"], answer["time"])

    def ask(self, method: str, body: str | None = None) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            try:
                connection.request(method, "/", body)
                response = connection.getresponse()
                text = response.read().decode()
            except (ConnectionError, http.client.HTTPException) as error:
                raise Unanswered(str(error)) from error
        if response.status == 503 and self.backend is not OURS and SUPERSEDED in text:
            raise NotDone("superseded")
        assert 200 <= response.status < 300, f"{response.status}: {text}\n{self.log.read_text()}"
        return json.loads(text) if text else None

    def close(self) -> None: ...
