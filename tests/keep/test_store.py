"""Storages that fail, each in its way: a backup counts only if it can be read back as it was written."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from schemasync.errors import Failed, UsageError
from schemasync.keep.backup import backup
from schemasync.keep.store import Store, store
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from tests.live.beside import read

pytest.importorskip("backports.zstd")


class Breaks(FileSystemStorage):
    """Takes half of a file, and then the connection is gone."""

    def _save(self, name, content):
        super()._save(name, ContentFile(content.read()[:100]))
        raise ConnectionResetError("reset by peer")


class Forgets(FileSystemStorage):
    """Reports success for what it has lost."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(content.read()[:100]))


class Mixes(FileSystemStorage):
    """Returns another file of the same length."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(bytes(len(content.read()))))


class LosesManifests(FileSystemStorage):
    """Takes large files only."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(b"" if name.endswith(".json") else content.read()))


class Renames(FileSystemStorage):
    """Gives each file a name of its own, as storages do that keep all versions."""

    def get_available_name(self, name, max_length=None):
        return super().get_available_name(f"{name}.1", max_length)


@pytest.fixture
def link(tmp_path):
    path = tmp_path / "db.sqlite3"
    sync(target(path), read({"t": {"id": "INTEGER PRIMARY KEY"}}))
    return path


@pytest.mark.parametrize("kind", [Breaks, Forgets, Mixes, LosesManifests, Renames])
def test_what_a_storage_does_not_keep_is_no_backup(link, tmp_path, kind):
    place = Store(kind(tmp_path / "elsewhere"), "default", "the storage")
    with pytest.raises(Failed) as caught:
        backup(target(link), place, "default")
    assert [problem.code for problem in caught.value.problems] == ["storage-failed"]
    assert place.find().backups == ()
    assert not list((tmp_path / "db.sqlite3.generations").glob("backup-*"))


def test_an_earlier_backup_still_counts_after_one_that_failed(link, tmp_path):
    folder = tmp_path / "elsewhere"
    first = backup(target(link), Store(FileSystemStorage(folder), "default"), "default")
    with pytest.raises(Failed):
        backup(target(link), Store(Breaks(folder), "default"), "default")
    found = Store(FileSystemStorage(folder), "default").find()
    assert found.backups == (first,)
    assert len(found.incomplete) == 1


def test_storages_are_found_by_name_and_folders_by_their_path(link, tmp_path, settings):
    assert store(link, "default").where == f"{link}.backups"
    assert store(link, "default", f"{tmp_path}/x").where == f"{tmp_path}/x"
    with pytest.raises(UsageError, match="STORAGES has default, staticfiles"):
        store(link, "default", "elsewhere")
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "y"}}
    settings.STORAGES = {**settings.STORAGES, "schemasync-backups": backend, "elsewhere": backend}
    assert store(link, "default").where == 'STORAGES["schemasync-backups"]'
    assert store(link, "default", "elsewhere").where == 'STORAGES["elsewhere"]'
