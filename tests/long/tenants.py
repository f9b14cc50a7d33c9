"""A new schema for a thousand tenants of 1 MB, while 8 writers write, killed twice: every tenant ends whole at the new
version, with every acknowledged write. With --back all then go back to the earlier schema, with these writes."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import machine

from ..support.processes import ROOT, environment

BEGIN = """
import sys
from django.core.management import call_command
from django.db import connections
from schemasync.tenants import create_tenant, tenant
from tests.tenants.shop.models import Author
for alias in ("default", "tenant"):
    call_command("schemasync", database=alias, export=True, verbosity=0)
with connections["tenant"].cursor() as cursor:
    cursor.execute("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ROWS) "
        "INSERT INTO shop_author (name) SELECT 'author number ' || i || ' of this tenant' FROM n")
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
for number in range(TENANTS):
    create_tenant(f"t{number:04}")
    with tenant(f"t{number:04}"):
        Author.objects.create(name=f"of t{number:04} alone")
"""
WRITER = """
import random, sys, time
import django
django.setup()
from django.db import OperationalError
from schemasync.tenants import tenant
from tests.tenants.shop.models import Author
me, count = int(sys.argv[1]), int(sys.argv[2])
chosen, number = random.Random(sys.argv[3] + sys.argv[1]), 0
with open(sys.argv[4], "w", buffering=1) as acknowledged:
    while True:
        key = f"t{chosen.randrange(count):04}"
        number += 1
        try:
            with tenant(key):
                Author.objects.create(name=f"writer {me} number {number}")
        except OperationalError as error:
            acknowledged.write(f"failed {type(error).__name__}: {error}\\n")
        else:
            acknowledged.write(f"{key} {number}\\n")
        time.sleep(0.1)
"""
WRITERS = 8
ROWS = 20_000  # of about 60 bytes each


class Fleet:
    """A project in a folder, with `tenants` tenants."""

    def __init__(self, folder: Path, tenants: int, seed: int) -> None:
        self.folder, self.tenants, self.seed = folder, tenants, seed
        self.variables = environment(DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(folder))

    def begin(self) -> None:
        code = BEGIN.replace("ROWS", str(ROWS)).replace("TENANTS", str(self.tenants))
        self._python("-m", "django", "shell", "--verbosity=0", "-c", code)

    def _python(self, *words: str) -> str:
        command = [sys.executable, *words]
        return subprocess.run(command, cwd=ROOT, env=self.variables, check=True, capture_output=True, text=True).stdout

    def change(self) -> None:
        """Change the table of the writers in the schema, so that all of its rows are rewritten."""
        path = self.folder / "schema.tenant.json"
        text = path.read_text()
        before, table, after = text.partition('"shop_author": {')
        assert '"varchar(50) NOT NULL"' in after
        path.write_text(before + table + after.replace('"varchar(50) NOT NULL"', '"varchar(60) NOT NULL"', 1))

    def run(self, *words: str) -> tuple[float, Any]:
        """Run the command `schemasync tenants`. Return its seconds by the clock and its JSON output."""
        begun = time.monotonic()
        command = [sys.executable, "-m", "django", "schemasync", "tenants", *words, "--json"]
        ended = subprocess.run(command, cwd=ROOT, env=self.variables, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        return time.monotonic() - begun, json.loads(ended.stdout)

    def killed(self, old: str, number: int, *words: str) -> float:
        """Run the command, and kill its processes once `number` tenants have another column type than `old`. Return the
        seconds until then."""
        command = [sys.executable, "-m", "django", "schemasync", "tenants", *words]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )  # fmt: skip
        begun = time.monotonic()
        while self.tenants - self.look()[old] < number:
            assert process.poll() is None, "it had ended before it was killed"
            time.sleep(1)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return time.monotonic() - begun

    @contextmanager
    def written(self) -> Iterator[None]:
        """Run the writers within the block."""
        with (self.folder / "errors").open("w") as errors:
            writers = [
                subprocess.Popen(
                    [
                        sys.executable,
                        "-c",
                        WRITER,
                        str(me),
                        str(self.tenants),
                        str(self.seed),
                        str(self._acknowledged(me)),
                    ],
                    cwd=ROOT,
                    env=self.variables,
                    stderr=errors,  # also has the warnings that a tenant is behind
                )
                for me in range(WRITERS)
            ]
        try:
            yield
            assert all(one.poll() is None for one in writers), "a writer has ended"
        finally:
            for one in writers:
                one.kill()
                one.wait()

    def _acknowledged(self, me: int) -> Path:
        return self.folder / f"acknowledged-{me}"

    def writes(self) -> tuple[Counter[tuple[str, str]], list[str]]:
        """Return the acknowledged rows, counted by (tenant, name), and the errors of the writers."""
        found, errors = Counter[tuple[str, str]](), list[str]()
        for me in range(WRITERS):
            for line in self._acknowledged(me).read_text().splitlines():
                first, _, rest = line.partition(" ")
                if first == "failed":
                    errors.append(rest)
                else:
                    found[first, f"writer {me} number {rest}"] += 1
        return found, errors

    def look(self, *, whole: bool = False) -> Counter[str]:
        """Count the tenants by the type of the changed column. With `whole`, also check that each file is whole."""
        found = Counter[str]()
        for number in range(self.tenants):
            with closing(sqlite3.connect(self.path(f"t{number:04}"), timeout=30)) as connection:
                rows = connection.execute("SELECT type FROM pragma_table_info('shop_author') WHERE name = 'name'")
                ((kind,),) = rows.fetchall()
                found[kind] += 1
                if whole:
                    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",), number
                    assert connection.execute("PRAGMA foreign_key_check").fetchall() == [], number
        return found

    def path(self, key: str) -> Path:
        return self.folder / "tenants" / key / "db.sqlite3"

    def check_rows(self, writes: Counter[tuple[str, str]]) -> None:
        """Check that each tenant has its first rows, its own row, every acknowledged write once, and no other row."""
        unknown = 0
        for number in range(self.tenants):
            key = f"t{number:04}"
            with closing(sqlite3.connect(self.path(key))) as connection:
                names = [name for (name,) in connection.execute("SELECT name FROM shop_author ORDER BY id")]
            assert names[:ROWS] == [f"author number {i} of this tenant" for i in range(1, ROWS + 1)], key
            assert names[ROWS] == f"of {key} alone", key
            mine = Counter(names[ROWS + 1 :])
            reported = Counter({name: times for (of, name), times in writes.items() if of == key})
            assert not reported - mine, (key, reported - mine)
            unknown += sum((mine - reported).values())
        assert unknown <= WRITERS, f"{unknown} rows that were not acknowledged"  # a killed writer leaves at most one
        print(f"every acknowledged write is there, once; {unknown} of writers that were killed before they were told")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long tenants", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--back", action="store_true", help="roll all back, too")
    given = parser.parse_args(arguments)
    print(f"tenants --seed {given.seed} --tenants {given.tenants}", *machine.described(), sep="\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="schemasync-tenants-") as folder:
        _run(Fleet(Path(folder), given.tenants, given.seed), goes_back=given.back)
    return 0


def _run(fleet: Fleet, *, goes_back: bool) -> None:
    begun, chosen = time.monotonic(), random.Random(fleet.seed)
    fleet.begin()
    size = fleet.path("t0000").stat().st_size
    took = time.monotonic() - begun
    print(f"{fleet.tenants:,} tenants of {size / 1e6:.2f} MB were made in {took:.0f} s", flush=True)
    (old,) = fleet.look()
    with fleet.written():
        fleet.change()
        done = 0
        for _ in range(2):
            done += round(chosen.uniform(0.15, 0.3) * fleet.tenants)
            took = fleet.killed(old, done, "sync", "--workers", "2")
            print(f"killed after {took:.0f} s: {dict(fleet.look())}", flush=True)
        took, found = fleet.run("sync", "--workers", "2")
        print(
            f"the third run synced {found['synced']:,} in {took:.0f} s; {found['current']:,} were current", flush=True
        )
        kinds = fleet.look(whole=True)
        assert list(kinds.values()) == [fleet.tenants], kinds
        assert old not in kinds, kinds
        if goes_back:
            words = ("rollback", "--version", found["version"], "--keep-writes", "--workers", "2")
            took, found = fleet.run(*words)
            print(f"{len(found['tenants']):,} went back, with what was written since, in {took:.0f} s", flush=True)
            assert dict(fleet.look(whole=True)) == {old: fleet.tenants}
    writes, errors = fleet.writes()
    print(
        f"{WRITERS} writers: {sum(writes.values()):,} acknowledged writes to {len({key for key, _ in writes}):,} tenants"
    )
    print(f"errors that writers met: {dict(Counter(errors)) or 'none'}")
    fleet.check_rows(writes)
