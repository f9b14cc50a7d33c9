"""A PostgreSQL server in a temporary folder, and the description of its databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER = "products"
COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
CONSTRAINTS = """
SELECT conrelid::regclass::text, contype, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2, 3
"""
APPLIED = "SELECT app, name FROM django_migrations ORDER BY 1, 2"
QUERIES = {"columns": COLUMNS, "indexes": INDEXES, "constraints": CONSTRAINTS, "migrations": APPLIED}


@dataclass(frozen=True, slots=True)
class Cluster:
    socket: Path

    @property
    def version(self) -> str:
        return self.query("postgres", "SHOW server_version")[0].split()[0]

    def create(self, name: str) -> None:
        self.query("postgres", f'CREATE DATABASE "{name}"')

    def query(self, name: str, sql: str) -> list[str]:
        command = [
            "psql",
            "-X",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            self.socket,
            "-U",
            USER,
            "-d",
            name,
            "-c",
            sql,
        ]
        ended = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    def described(self, name: str) -> dict[str, list[str]]:
        return {what: self.query(name, sql) for what, sql in QUERIES.items()}


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server that listens only on a socket, and remove its folder at the end. It refuses to run as root, so
    root starts it as the user postgres."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    try:
        _run([*as_user, "initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _run([*as_user, "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"])
        try:
            yield Cluster(folder)
        finally:
            _run([*as_user, "pg_ctl", "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list) -> str:
    # pg_ctl's server keeps stdout open, so the output goes to a file
    with tempfile.TemporaryFile("w+") as said:
        ended = subprocess.run([*map(str, command)], stdout=said, stderr=said, cwd="/", check=False)
        said.seek(0)
        text = said.read()
    assert ended.returncode == 0, f"{command}: {text[-1000:]}"
    return text
