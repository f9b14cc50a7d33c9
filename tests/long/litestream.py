"""Ten swaps while writers write, with a real Litestream: its restore after each swap, and of moments before, equals the
live file. Once it is killed before a swap and restarted after. With --s3: three swaps, and a replica on an S3 server.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks import machine
from schemasync.keep.litestream.control import Control

from ..support.litestream import BINARY, complete, daemon, restored
from .s3_server import BOTO3, KEY, NAME, SECRET, WEED, S3Server

KINDS = {4: "everything rewritten", 5: "daemon is killed", 7: "back with writes"}
SWAPS, KINDS_S3, SWAPS_S3 = 10, {2: "daemon is killed", 3: "back with writes"}, 3
WRITERS = 3
QUIET = 6.0  # seconds of writing before each swap
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
USE_TZ, TIME_ZONE = True, "UTC"
INSTALLED_APPS = ["schemasync"]
DATABASES = {"default": {"ENGINE": "schemasync.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
SCHEMASYNC = {"KEEP": 3, "LITESTREAM": {
    "REPLICA": "URL", "SOCKET": BASE_DIR / "socket", "CONFIG": BASE_DIR / "litestream.yml",
    "OPTIONS": {"logging": {"level": "debug"}, "l0-retention": "2h"}, "WAIT": 10,
}}
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
WRITER = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from pathlib import Path
from django.db import connection
me, pause, acked = int(sys.argv[1]), Path("pause"), open(f"acked-{sys.argv[1]}", "w", buffering=1)
number = 0
while True:
    if pause.exists():
        Path(f"paused-{me}").touch()
        while pause.exists():
            time.sleep(0.01)
        Path(f"paused-{me}").unlink()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO debit (writer, number, text) VALUES (%s, %s, %s)", [me, number + 1, "x" * 200])
    number += 1
    acked.write(f"{number}\\n")
    time.sleep(0.004)
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long litestream", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--megabytes", type=int, default=20, help="of the database at the beginning")
    parser.add_argument("--s3", action="store_true", help="the replica is in an S3-compatible server")
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    words = f"--seed {given.seed} --megabytes {given.megabytes}{' --s3' if given.s3 else ''}"
    print(f"$ python -m tests.long litestream {words}\n{when}\n{where}")
    version = subprocess.run([BINARY, "version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"litestream {version}, a replica in {WEED if given.s3 else 'a folder'}\n", flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="litestream-") as folder:
        if given.s3:
            in_s3(Path(folder), given.seed, given.megabytes)
        else:
            Trial(Path(folder), given.seed, given.megabytes, f"file://{Path(folder) / 'replica'}").whole()
    print(f"\n{time.perf_counter() - begun:.0f} s; commit {machine.commit()}")
    return 0


def in_s3(folder: Path, seed: int, megabytes: int) -> None:
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python, project = folder / "env" / "bin" / "python", folder / "project"
    install = [python, "-m", "pip", "install", "-q", WEED, BOTO3]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    server = S3Server(folder, python)
    os.environ |= {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    os.environ.pop("AWS_CA_BUNDLE", None)  # findings/litestream_ca_bundle.sh
    project.mkdir()
    with server.at_work():
        trial = Trial(project, seed, megabytes, f"s3://{NAME}/app?endpoint={server.url}", SWAPS_S3, KINDS_S3)
        trial.whole()
        trial.check_keys()
        trial.check_empty_machine()


@dataclass
class Trial:
    """A project, its writers, and the digests of the live file at some moments."""

    folder: Path
    seed: int
    megabytes: int
    url: str
    swaps: int = SWAPS
    kinds: dict[int, str] = field(default_factory=lambda: KINDS)
    moments: list[tuple[str, str, str]] = field(default_factory=list)
    swapped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = self.folder / "db.sqlite3"
        (self.folder / "settings.py").write_text(SETTINGS.replace("URL", self.url))
        (self.folder / "manage.py").write_text(MANAGE)
        (self.folder / "writer.py").write_text(WRITER)

    # --- the swaps --------------------------------------------------------------------------------------------

    def whole(self) -> None:
        self.schema(0)
        self.manage("schemasync")
        self.fill()
        self.manage("schemasync", "litestream", "config", "-o", "litestream.yml")
        with ExitStack() as stack:
            control = self.begin(stack)
            follower = subprocess.Popen(
                [BINARY, "restore", "-f", "-o", self.folder / "read.sqlite3", self.url],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(_end, follower)
            writers = [
                subprocess.Popen([sys.executable, "writer.py", str(number)], cwd=self.folder)
                for number in range(WRITERS)
            ]
            for writer in writers:
                stack.callback(_end, writer)
            print("swap  what                  pause   uploaded with it   in as long before it   the live file")
            for number in range(1, self.swaps + 1):
                control = self.swap(number, stack, control)
            with self.paused():
                self.check_read_replica(control)
                for writer in writers:  # before the daemon, which uploads their rows when it ends
                    _end(writer)
                for mark in self.folder.glob("paused-*"):
                    mark.unlink()
        self.check_moments()

    def begin(self, stack: ExitStack) -> Control:
        self.daemon = stack.enter_context(ExitStack())
        control = self.daemon.enter_context(
            daemon(self.folder / "litestream.yml", self.folder / "socket", self.folder / "log")
        )
        complete(control, os.path.realpath(self.link))
        return control

    def swap(self, number: int, stack: ExitStack, control: Control) -> Control:
        before = self.uploaded()
        time.sleep(QUIET)
        without = self.uploaded() - before
        with self.paused():
            self.remember(control)
        words, what = ["schemasync", "--json"], self.kinds.get(number, "a table is rewritten")
        if what == "everything rewritten":
            words = ["schemasync", "--rebuild-all", "--json"]
        elif what == "back with writes":
            words = ["schemasync", "rollback", "--keep-writes", "--noinput", "--json"]
        else:
            self.schema(number)
        if is_killed := what == "daemon is killed":
            self.daemon.close()
        before, begun = self.uploaded(), time.perf_counter()
        self.swapped.append(_now())
        done = json.loads(self.manage(*words))
        if is_killed:
            control = self.begin(stack)
        time.sleep(max(0.0, QUIET - (time.perf_counter() - begun)))
        with self.paused():
            self.remember(control)
            during = self.uploaded() - before
            size = Path(os.path.realpath(self.link)).stat().st_size
        print(
            f"{number:>4}  {what:<20}  {done.get('pause_ms', 0):>4.0f} ms  {_size(during):>15} {_size(without):>23}"
            f" {_size(size):>15}",
            flush=True,
        )
        return control

    # --- checks while no writer writes ------------------------------------------------------------------------

    def remember(self, control: Control) -> None:
        """Check that a restore equals the live file now, and record its digest with the moment for later checks."""
        live = os.path.realpath(self.link)
        (one,) = control.databases()
        assert one.path == live, (one, live)
        self.check_acknowledged()
        complete(control, live)
        output = restored(self.url, self.folder / "restored.sqlite3")
        wanted, found = digest(Path(live)), digest(output)
        assert wanted == found, f"what Litestream restores is not {live}"
        output.unlink()
        time.sleep(0.3)
        self.moments.append((_now(), wanted, Path(live).stem))
        time.sleep(0.3)

    def check_acknowledged(self) -> None:
        with closing(sqlite3.connect(self.link)) as connection:
            found = dict(connection.execute("SELECT writer, max(number) FROM debit GROUP BY writer"))
            counts = dict(connection.execute("SELECT writer, count(*) FROM debit GROUP BY writer"))
        for number in range(WRITERS):
            acked = len((self.folder / f"acked-{number}").read_text().splitlines())
            assert counts.get(number, 0) == found.get(number, 0) >= acked, "an acknowledged row is lost"

    def check_read_replica(self, control: Control) -> None:
        live, read = Path(os.path.realpath(self.link)), self.folder / "read.sqlite3"
        complete(control, str(live))
        begun = time.monotonic()
        while digest(read) != digest(live):
            assert time.monotonic() - begun < 60, "the read replica is another file"
            time.sleep(0.2)
        print(f"\nthe read replica, which followed over {self.swaps} swaps, equals the live file", flush=True)

    def check_moments(self) -> None:
        for number, (at, wanted, name) in enumerate(self.moments):
            output = restored(self.url, self.folder / f"at-{number}.sqlite3", at)
            assert digest(output) == wanted, f"the moment {at} of {name} is restored as another one"
            output.unlink()
        print(f"{len(self.moments)} moments before and after the swaps are restored as they were")
        kinds = Counter[str]()
        for number, at in enumerate(self.swapped):
            for later in (0.6, 1.2, 2.5):
                moment = datetime.fromtimestamp(datetime.fromisoformat(at).timestamp() + later, UTC).isoformat()
                kinds += self.check_within(f"{number}-{later}", moment)
        print(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
        log = (self.folder / "log").read_text(errors="replace")
        reasons = Counter(re.findall(r'snap=true reason="([^"]+)"', log))
        print("whole files that it uploaded, by its reason:", dict(reasons))

    def check_within(self, name: str, at: str) -> Counter[str]:
        """Restore a moment of a run: the rows of each writer must have no gaps, and the file must take writes."""
        output = self.folder / f"within-{name}.sqlite3"
        raw = restored(self.url, self.folder / f"raw-{name}.sqlite3", at)
        with closing(sqlite3.connect(raw)) as connection:
            is_closed = bool(
                connection.execute("SELECT 1 FROM sqlite_schema WHERE name = '_schemasync_fence'").fetchone()
            )
        raw.unlink()
        self.manage("schemasync", "litestream", "restore", "--into", str(output), "--at", at)
        with closing(sqlite3.connect(output)) as connection:
            query = "SELECT writer, max(number) = count(*) FROM debit WHERE writer IS NOT NULL AND writer >= 0 GROUP BY writer"
            assert all(is_whole for _, is_whole in connection.execute(query)), f"at {at} a row is missing"
            connection.execute("INSERT INTO debit (writer, number, text) VALUES (-2, 1, '')")
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        output.unlink()
        return Counter(
            {
                "moments of runs are restored, of which closed by a fence in the replica"
                if is_closed
                else "moments of runs are restored, open": 1
            }
        )

    def check_keys(self) -> None:
        """Check that the keys are in no file, and that a wrong key is reported."""
        texts = [(self.folder / name).read_text() for name in ("settings.py", "litestream.yml")]
        assert not any(SECRET in text or f"/{KEY}" in text for text in texts), "a key is in a file"
        words = ["restore", "litestream", "--into", "wrong.sqlite3"]
        done = self.ended("schemasync", *words, AWS_SECRET_ACCESS_KEY="wrong")
        assert done.returncode == 4 and "[litestream-failed]" in done.stderr, done
        assert not (self.folder / "wrong.sqlite3").exists()
        print("the keys come from the environment alone; a wrong one is litestream-failed, and leaves no file")

    def check_empty_machine(self) -> None:
        """Check that `restore` makes all rows live with only the project, its settings and the keys."""
        wanted = rows(self.link)
        self.link.unlink()
        shutil.rmtree(f"{self.link}.generations")
        done = json.loads(self.manage("schemasync", "restore", "--noinput", "--json"))
        assert done["source"]["name"] == "litestream" and done["previous"] is None
        found = rows(self.link)
        assert found == wanted, f"the empty machine got {len(found)} rows, and {len(wanted)} were there"
        print(f"on an empty machine `restore` alone makes the same {len(found):,} rows live", flush=True)

    # --- help -------------------------------------------------------------------------------------------------

    def schema(self, number: int) -> None:
        table: dict[str, Any] = {
            "id": "INTEGER PRIMARY KEY",
            "writer": "INTEGER",
            "number": f"INTEGER CHECK (number > {-100 - number})",
            "text": "TEXT",
        }
        (self.folder / "schema.json").write_text(json.dumps({"debit": table, "notes": {"id": "INTEGER PRIMARY KEY"}}))

    def fill(self) -> None:
        numbers = random.Random(self.seed)
        rows = [(-1, number, numbers.randbytes(200).hex()) for number in range(self.megabytes * 1_000_000 // 430)]
        with closing(sqlite3.connect(self.link)) as connection:
            connection.executemany("INSERT INTO debit (writer, number, text) VALUES (?, ?, ?)", rows)
            connection.commit()

    def ended(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{os.environ['PATH']}:{BINARY.parent}"
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.folder, env={**os.environ, "PATH": path, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def manage(self, *words: str) -> str:
        done = self.ended(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause all writers within the block."""
        (self.folder / "pause").touch()
        marks = [self.folder / f"paused-{number}" for number in range(WRITERS)]
        deadline = time.monotonic() + 60
        while not all(mark.exists() for mark in marks):
            assert time.monotonic() < deadline, "a writer has ended"
            time.sleep(0.02)
        yield
        (self.folder / "pause").unlink()
        while any(mark.exists() for mark in marks):
            time.sleep(0.02)

    def uploaded(self) -> int:
        """Return the bytes that Litestream has uploaded so far, by its log."""
        log = (self.folder / "log").read_text(errors="replace")
        put = r'msg="(?:ltx file uploaded|compaction complete|snapshot complete)".* size=(\d+)'
        return sum(map(int, re.findall(put, log)))


def digest(path: Path) -> str:
    """Return the SHA-256 of all content except the tables of Litestream."""
    found = sha256()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        for line in connection.iterdump():
            if "_litestream_" not in line:
                found.update(line.encode(errors="surrogateescape"))
    return found.hexdigest()


def rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM debit ORDER BY id").fetchall()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _size(count: float) -> str:
    return f"{count / 1_000_000:.2f} MB"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
