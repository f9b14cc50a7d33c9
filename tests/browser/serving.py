"""The demo behind a real server: its database, its users, its address."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT, run

from ..demo.demo import Demo

# Two operators are served at once, and a request may reach a process that did not serve the one before it.
PROCESSES, THREADS = 2, 4
PATIENCE = 60.0  # seconds that requests may still take once the server gets its signal to stop

SUPERUSER, NOBODY = "root", "nobody"


@dataclass(frozen=True, slots=True)
class Site:
    """The demo at an address; `demo` has its database and runs its commands."""

    demo: Demo
    address: str
    log: Path

    def add_user(self, name: str, *permissions: str) -> str:
        """Create a staff user with exactly these permissions, such as `schemasync.view_schemaversion`; return the
        name."""
        return add_user(self.demo, name, *permissions)


def made(folder: Path) -> Demo:
    """Create the demo's database, filled, with a superuser and a staff user without any permission."""
    folder.mkdir()
    demo = Demo(folder)
    demo.done("schemasync")
    demo.done("filldemo", "--scale", "small")
    add_user(demo, SUPERUSER, "--superuser")
    add_user(demo, NOBODY)
    return demo


def add_user(demo: Demo, name: str, *words: str) -> str:
    """Create a user in another process, as the tests do not have the models of the demo. Return the name."""
    ended = run(["-m", "tests.browser.make_user", name, *words], ROOT, demo.environment)
    assert ended.code == 0, ended.err
    return name


@contextmanager
def serving(demo: Demo) -> Iterator[Site]:
    """Serve the site until the block ends; requests before the server is up wait for it."""
    log = demo.folder / "server.log"
    with closing(socket.create_server(("127.0.0.1", 0), backlog=128)) as listening, log.open("wb") as output:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = subprocess.Popen(
            _command(listening.fileno(), demo.folder),
            cwd=ROOT,
            env=demo.environment,
            pass_fds=[listening.fileno()],
            stdout=output,
            stderr=output,
        )
    try:
        yield Site(demo, address, log)
    finally:
        _end(server)


def _command(socket_number: int, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "tests.browser.served:application"),
        *("--bind", f"fd://{socket_number}", "--worker-tmp-dir", str(folder), "--no-control-socket"),
        *("--worker-class", "gthread", "--workers", str(PROCESSES), "--threads", str(THREADS)),
        *("--graceful-timeout", "5", "--log-level", "warning"),
    ]


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(PATIENCE)
    finally:
        server.kill()
        server.wait()
