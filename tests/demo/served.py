"""The demo behind a real WSGI server, and a client that writes to it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.support.processes import ROOT

from .demo import Demo

PATIENCE = 30.0  # seconds


@contextmanager
def served(demo: Demo, variables: Mapping[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server; yield its process and port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        command = [
            *(sys.executable, "-m", "gunicorn", "tests.demo.site:application", "--bind", f"fd://{listening.fileno()}"),
            *("--worker-tmp-dir", str(folder), "--workers", "2", "--no-control-socket", "--log-level", "warning"),
        ]
        environment = os.environ | demo.environment | variables | {"DJANGO_SETTINGS_MODULE": "demo_project.settings"}
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, pass_fds=[listening.fileno()], stderr=subprocess.DEVNULL
        ) as server:
            try:
                yield server, listening.getsockname()[1]
            finally:
                server.kill()


def ask(port: int) -> tuple[int, str]:
    """Write a notice; return the status of the response, and the engine that stored it."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def until_written(port: int, engine: str) -> float:
    """Write until a write is acknowledged by that engine, and return the time of it by the monotonic clock."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            if ask(port) == (200, engine):
                return time.monotonic()
        time.sleep(0.01)
    raise AssertionError(f"nothing was written on {engine}")
