"""Encrypted backups: encrypted for recipients, restored with an identity, refused with any other."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from schemasync.keep import encryption

pytest.importorskip("backports.zstd")
pyrage = pytest.importorskip("pyrage")


@pytest.fixture
def identity(tmp_path):
    """The path of the identity that can decrypt the backups."""
    return key(tmp_path / "identity.txt")


def key(path):
    found = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {found.to_public()}\n{found}\n")
    return path


def public(path):
    return path.read_text().split()[3]


@pytest.fixture
def encrypted(evolved, identity, settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "BACKUPS": {"RECIPIENTS": [public(identity)]}}
    evolved.run_sql("UPDATE Users SET full_name = 'a name that must not be readable' WHERE id = 1")
    evolved.done("backup")
    return evolved


def stored(project):
    return list((project.folder / "db.sqlite3.backups" / "default").iterdir())


def fails(project, *args, **options):
    ended = project.call(*args, **options)
    assert ended.code == 3, ended
    return ended.err


def test_it_goes_live_with_the_identity_and_nothing_of_it_can_be_read_without(encrypted, identity):
    names = sorted(path.name.partition("-")[2].partition(".")[2] for path in stored(encrypted))
    assert names == ["json", "sqlite3.zst.age"]
    assert not any(b"readable" in path.read_bytes() or b"Users" in path.read_bytes() for path in stored(encrypted))
    reported = [encrypted.done("backup").out, encrypted.done("backups").out]
    assert all("encrypted" in text and "0 rows" not in text for text in reported)
    encrypted.run_sql("DELETE FROM Users")
    encrypted.done("restore", noinput=True, identity=identity)
    assert encrypted.rows("SELECT count(*) FROM Users") == [(2,)]
    assert not list(encrypted.archive.glob("backup-*"))


def test_without_the_identity_and_with_another_one_it_is_refused(encrypted, identity, tmp_path, monkeypatch):
    live = encrypted.live()
    assert "[cannot-decrypt]" in fails(encrypted, "restore", noinput=True)
    other = key(tmp_path / "other.txt")
    assert "no identity fits the backup" in fails(encrypted, "restore", noinput=True, identity=other)
    (tmp_path / "none.txt").write_text("AGE-SECRET-KEY-1NONE")
    err = fails(encrypted, "restore", noinput=True, identity=tmp_path / "none.txt")
    assert "the given identity is none" in err and "KEY-1NONE" not in err
    assert encrypted.live() == live
    monkeypatch.setenv("SCHEMASYNC_IDENTITY", identity.read_text())
    encrypted.done("restore", into=tmp_path / "restored.sqlite3")


@pytest.mark.slow
def test_a_damaged_one_is_refused(encrypted, identity):
    (file,) = [path for path in stored(encrypted) if path.suffix == ".age"]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    ended = encrypted.call("restore", noinput=True, identity=identity)
    assert ended.code == 4 and "backup-damaged" in ended.err


def test_a_recipient_that_is_none_stops_the_backup_before_anything_is_copied(evolved, settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "BACKUPS": {"RECIPIENTS": ["age1nobody"]}}
    ended = evolved.call("backup")
    assert ended.code == 2 and "the recipient 'age1nobody' is invalid" in ended.err
    assert not (evolved.folder / "db.sqlite3.backups").exists()


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_each_recipient_can_restore_it_and_ssh_keys_serve(evolved, identity, settings, tmp_path):
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")]
    subprocess.run(command, check=True)
    ssh, other = (tmp_path / "ssh.pub").read_text().strip(), key(tmp_path / "other.txt")
    given = {"RECIPIENTS": [public(identity), ssh, public(other)]}
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "BACKUPS": given}
    evolved.done("backup")
    for number, file in enumerate((identity, other, tmp_path / "ssh")):
        evolved.done("restore", into=tmp_path / f"{number}.sqlite3", identity=file)


def test_a_full_disk_keeps_its_error(tmp_path):
    """pyrage reports a failed write of the output as an EncryptError without a number."""
    with (tmp_path / "in").open("wb+") as reading, Path("/dev/full").open("wb", buffering=0) as full:
        reading.write(os.urandom(200_000))
        reading.seek(0)
        with pytest.raises(OSError, match="No space left") as caught:
            encryption.encrypt(reading, full, [pyrage.x25519.Identity.generate().to_public()])
    assert caught.value.errno == 28
