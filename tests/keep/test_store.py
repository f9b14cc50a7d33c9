"""Storages that fail, each in another way: a backup counts only if it can be read back unchanged."""

import sqlite3
import threading
import time
from contextlib import closing, nullcontext
from datetime import datetime

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from schemasync.errors import Failed, UsageError
from schemasync.files.disk import sync_folder
from schemasync.keep.backup import backup
from schemasync.keep.restore import restored_copy
from schemasync.keep.sources import chosen
from schemasync.keep.store import Store, store
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.oracle import read

pytest.importorskip("backports.zstd")


class Breaks(FileSystemStorage):
    """Stores the first 100 bytes, then the connection breaks."""

    def _save(self, name, content):
        super()._save(name, ContentFile(content.read()[:100]))
        raise ConnectionResetError("reset by peer")

    def delete(self, name):
        raise ConnectionResetError("reset by peer")


class Fills(FileSystemStorage):
    """Has space for the first 100 bytes."""

    def _save(self, name, content):
        super()._save(name, ContentFile(content.read()[:100]))
        raise OSError(28, "No space left on device")


class Forgets(FileSystemStorage):
    """Reports success, but loses all after the first 100 bytes."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(content.read()[:100]))


class Mixes(FileSystemStorage):
    """Stores other content of the same length."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(bytes(len(content.read()))))


class LosesManifests(FileSystemStorage):
    """Stores manifests empty."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(b"" if name.endswith(".json") else content.read()))


class Renames(FileSystemStorage):
    """Stores each file under a name of its choice, as storages that keep all versions do."""

    def get_available_name(self, name, max_length=None):
        return super().get_available_name(f"{name}.1", max_length)


@pytest.fixture
def link(tmp_path):
    path = tmp_path / "db.sqlite3"
    sync(target(path), read({"t": {"id": "INTEGER PRIMARY KEY"}}))
    return path


@pytest.mark.parametrize("kind", [Breaks, Fills, Forgets, Mixes, LosesManifests, Renames])
def test_what_a_storage_does_not_keep_is_no_backup(link, tmp_path, kind):
    place = Store(kind(tmp_path / "elsewhere"), "default", "the storage")
    with pytest.raises(Failed) as caught:
        backup(target(link), place, "default")
    assert [problem.code for problem in caught.value.problems] == ["storage-failed"]
    assert place.find().backups == ()
    assert not list((tmp_path / "db.sqlite3.generations").glob("backup-*"))


def test_each_folder_that_a_backup_creates_is_synced_with_the_one_that_names_it(link, tmp_path, monkeypatch):
    synced = set()
    monkeypatch.setattr("schemasync.keep.store.sync_folder", lambda folder: (synced.add(folder), sync_folder(folder)))
    made = backup(target(link), Store(FileSystemStorage(tmp_path / "new" / "backups"), "site/tenants/ann"), "default")
    parts = ["new", "new/backups", "new/backups/site", "new/backups/site/tenants", "new/backups/site/tenants/ann"]
    assert synced == {tmp_path, *(tmp_path / part for part in parts)}
    assert (tmp_path / parts[-1] / made.stored_name).is_file()


def test_an_earlier_backup_still_counts_after_one_that_failed(link, tmp_path):
    folder = tmp_path / "elsewhere"
    first = backup(target(link), Store(FileSystemStorage(folder), "default"), "default")
    with pytest.raises(Failed):
        backup(target(link), Store(Breaks(folder), "default"), "default")
    found = Store(FileSystemStorage(folder), "default").find()
    assert found.backups == (first,)
    assert len(found.incomplete) == 1


class WritesOver(InMemoryStorage):
    """Overwrites existing files, as the storage for S3 does by default."""

    def get_available_name(self, name, max_length=None):
        if self.exists(name):
            self.delete(name)
        return name


class Stopped(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 11, 30, tzinfo=tz)


def test_two_backups_of_the_same_microsecond_both_count(link, tmp_path, monkeypatch):
    """Two machines may share a storage, and a clock may be set back."""
    monkeypatch.setattr("schemasync.keep.backup.datetime", Stopped)
    place = Store(WritesOver(), "default")
    made = [backup(target(link), place, "default") for _ in range(2)]
    assert made[0].made_at == made[1].made_at
    assert {one.name for one in place.find().backups} == {one.name for one in made}
    for one in made:
        assert place.digest(one.stored_name).is_same(one.data["stored"]["bytes"], one.data["stored"]["sha256"])


@pytest.mark.parametrize("kind", [WritesOver, InMemoryStorage])
def test_a_file_that_a_storage_has_already_stays_as_it_is(tmp_path, kind):
    place, path = Store(kind(), "default"), tmp_path / "file"
    for content in (b"first", b"second"):
        path.write_bytes(content)
        with nullcontext() if content == b"first" else pytest.raises(Failed, match="of this name already"):
            place.put("name", path)
    assert b"".join(place.chunks("name")) == b"first"


class TakenMeanwhile(InMemoryStorage):
    """Another process stores a file of the same name after the check for it."""

    def get_available_name(self, name, max_length=None):
        super()._save(name, ContentFile(b"of another one"))
        return super().get_available_name(name, max_length)


def test_a_file_that_came_meanwhile_stays_too(tmp_path):
    place, path = Store(TakenMeanwhile(), "default"), tmp_path / "file"
    path.write_bytes(b"ours")
    with pytest.raises(Failed, match="changed the name"):
        place.put("name", path)
    assert place._names() == ["name"]
    assert b"".join(place.chunks("name")) == b"of another one"


def test_what_a_full_storage_took_of_a_file_is_removed(link, tmp_path):
    with pytest.raises(Failed):
        backup(target(link), Store(Fills(tmp_path / "elsewhere"), "default"), "default")
    assert list((tmp_path / "elsewhere" / "default").iterdir()) == []


class Slow(FileSystemStorage):
    """Takes a tenth of a second for each file, and for each chunk of it."""

    def _save(self, name, content):
        time.sleep(0.1)
        return super()._save(name, content)

    def _open(self, name, mode="rb"):
        file = super()._open(name, mode)
        read = file.file.read

        def slowly(*size):
            time.sleep(0.1)
            return read(*size)

        return SlowFile(file.file, slowly)


class SlowFile:
    def __init__(self, file, read):
        self.file, self.read = file, read

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def test_a_slow_storage_keeps_no_writer_waiting(link, tmp_path):
    """The live database is not open while the storage receives the copy."""
    place, waited, over = Store(Slow(tmp_path / "elsewhere"), "default"), [], threading.Event()

    def write():
        with closing(sqlite3.connect(link, isolation_level=None, timeout=5)) as connection:
            while not over.is_set():
                begun = time.monotonic()
                connection.execute("INSERT INTO t VALUES (NULL)")
                waited.append(time.monotonic() - begun)
                time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        one = backup(target(link), place, "default")
    finally:
        over.set()
        writer.join()
    assert place.find().backups == (one,)
    assert len(waited) > 20 and max(waited) < 0.5


class Loses(FileSystemStorage):
    """Returns the first chunk of a file, then the connection breaks."""

    def _open(self, name, mode="rb"):
        file = super()._open(name, mode)
        return file if name.endswith(".json") else SlowFile(file.file, Once(file.file))


class Once:
    def __init__(self, file):
        self.file, self.is_done = file, False

    def __call__(self, *size):
        if self.is_done:
            raise ConnectionResetError("reset by peer")
        self.is_done = True
        return self.file.read(100)


class GivesAnother(FileSystemStorage):
    """Returns other bytes of the same length."""

    def _open(self, name, mode="rb"):
        file = super()._open(name, mode)
        return file if name.endswith(".json") else ContentFile(bytes(file.size))


class HasLost(FileSystemStorage):
    """Lists a file that it has lost."""

    def _open(self, name, mode="rb"):
        if not name.endswith(".json"):
            raise FileNotFoundError(name)
        return super()._open(name, mode)


@pytest.mark.parametrize(
    ("kind", "code"), [(Loses, "storage-failed"), (GivesAnother, "backup-damaged"), (HasLost, "storage-failed")]
)
def test_a_restore_from_a_storage_that_fails_touches_nothing(link, tmp_path, kind, code):
    folder = tmp_path / "elsewhere"
    backup(target(link), Store(FileSystemStorage(folder), "default"), "default")
    before = link.readlink(), sorted(path.name for path in tmp_path.rglob("*") if path.suffix not in (".sqlite3-shm",))
    source = chosen(Store(kind(folder), "default"), target(link))
    with pytest.raises(Failed) as caught, restored_copy(target(link), source):
        pass
    assert [problem.code for problem in caught.value.problems] == [code]
    after = link.readlink(), sorted(path.name for path in tmp_path.rglob("*") if path.suffix not in (".sqlite3-shm",))
    assert after == before


def test_storages_are_found_by_name_and_folders_by_their_path(link, tmp_path, settings):
    assert store(link, "default").where == f"{link}.backups"
    assert store(link, "default", f"{tmp_path}/x").where == f"{tmp_path}/x"
    with pytest.raises(UsageError, match="STORAGES has default, staticfiles"):
        store(link, "default", "elsewhere")
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "y"}}
    settings.STORAGES = {**settings.STORAGES, "schemasync-backups": backend, "elsewhere": backend}
    assert store(link, "default").where == 'STORAGES["schemasync-backups"]'
    assert store(link, "default", "elsewhere").where == 'STORAGES["elsewhere"]'
