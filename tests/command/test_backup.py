"""manage.py schemasync backup, backups and restore: a verified copy in another place, and the way back from it."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from schemasync.keep import manifest

pytest.importorskip("backports.zstd")


@pytest.fixture
def place(evolved):
    return evolved.folder / "db.sqlite3.backups" / "default"


def fails(project, code, *args, **options):
    ended = project.call(*args, **options)
    assert ended.code == code, ended
    return ended


def names(place, ending):
    return sorted(path.name for path in place.iterdir() if path.name.endswith(ending))


def dump(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_a_backup_is_restored_into_a_plain_file_with_everything(evolved, place):
    found = evolved.done("backup", json=True).json
    one = found["backup"]
    assert one["content"]["rows"] == {"Log": 1, "Rooms": 0, "Users": 2}
    assert one["schema"]["tables"]
    assert names(place, "") == [f"{one['name']}.json", f"{one['name']}.sqlite3.zst"]
    evolved.run_sql("DELETE FROM Users")
    output = evolved.folder / "restored.sqlite3"
    assert "restored.sqlite3: 3 rows" in evolved.done("restore", into=output).out
    assert evolved.rows("SELECT count(*) FROM Users", output) == [(2,)]
    assert evolved.rows("PRAGMA integrity_check", output) == [("ok",)]
    assert evolved.rows("PRAGMA journal_mode", output) == [("delete",)]  # one file, without a write-ahead log
    assert not any("_schemasync_" in (line or "") for line in dump(output))


def test_a_restored_file_can_be_adopted_and_knows_its_version(evolved):
    evolved.done("backup")
    other = evolved.folder / "other.sqlite3"
    evolved.done("restore", into=other)
    evolved.done("adopt", database="other", schema=evolved.schema)
    assert evolved.live().partition("-")[2] in evolved.done("status", database="other").out


def test_nobody_else_may_read_a_backup(evolved, place):
    evolved.done("backup")
    output = evolved.folder / "restored.sqlite3"
    evolved.done("restore", into=output)
    assert all(path.stat().st_mode & 0o077 == 0 for path in [place, *place.iterdir(), output])


def test_a_file_that_is_there_is_not_replaced(evolved):
    evolved.done("backup")
    (evolved.folder / "there").write_text("mine")
    assert "output-exists" in fails(evolved, 3, "restore", into=evolved.folder / "there").err
    assert (evolved.folder / "there").read_text() == "mine"


@pytest.mark.parametrize("damage", ["cut", "longer", "flipped", "swapped", "gone"])
def test_a_damaged_backup_is_refused_before_anything_is_written(evolved, place, damage):
    for _ in range(2):
        evolved.done("backup")
        evolved.run_sql("INSERT INTO Users (full_name) VALUES ('eve')")
    older, newer = (place / name for name in names(place, ".zst"))
    match damage:
        case "cut":
            newer.write_bytes(newer.read_bytes()[:-100])
        case "longer":
            newer.write_bytes(newer.read_bytes() * 2)
        case "flipped":
            data = bytearray(newer.read_bytes())
            data[len(data) // 2] ^= 1
            newer.write_bytes(data)
        case "swapped":
            newer.write_bytes(older.read_bytes())
        case "gone":
            newer.unlink()
    output = evolved.folder / "restored.sqlite3"
    code = "storage-failed" if damage == "gone" else "backup-damaged"
    assert code in fails(evolved, 4, "restore", into=output).err
    assert not list(evolved.folder.glob("*restore*"))
    evolved.done("restore", older.name.split(".sqlite3")[0], into=output)


def test_the_content_is_checked_even_if_the_file_in_the_storage_is_what_its_manifest_says(evolved, place):
    """The manifest has the digests of a stored file that contains another database."""
    evolved.done("backup")
    evolved.run_sql("INSERT INTO Users VALUES (9, 'eve')")
    evolved.done("backup")
    older, newer = (place / name for name in names(place, ".json"))
    one = json.loads(newer.read_text())
    one["stored"] = json.loads(older.read_text())["stored"]
    newer.write_text(json.dumps(one))
    problem = fails(evolved, 4, "restore", into=evolved.folder / "restored.sqlite3").err
    assert "backup-damaged" in problem
    assert not (evolved.folder / "restored.sqlite3").exists()


def test_a_manifest_that_cannot_be_read_hides_no_other_backup(evolved, place):
    evolved.done("backup")
    evolved.done("backup")
    first, _ = names(place, ".json")
    (place / first).write_text("{")
    found = evolved.done("backups", json=True).json
    assert [one["name"] for one in found["damaged"]] == [first]
    assert len(found["backups"]) == 1
    assert found["incomplete"] == []  # the file belongs to a damaged backup


def test_a_file_without_a_manifest_is_no_backup(evolved, place):
    evolved.done("backup")
    (only,) = names(place, ".json")
    (place / only).unlink()
    assert "no-backup" in fails(evolved, 3, "restore", into=evolved.folder / "restored.sqlite3").err
    assert evolved.done("backups", json=True).json["incomplete"] == names(place, ".zst")


def test_a_backup_is_chosen_by_name_and_by_time(evolved, place):
    evolved.done("backup")
    between = datetime.now(UTC)
    evolved.run_sql("INSERT INTO Users VALUES (9, 'eve')")
    evolved.done("backup")
    output = evolved.folder / "restored.sqlite3"
    evolved.done("restore", into=output, at=between.isoformat())
    assert evolved.rows("SELECT count(*) FROM Users", output) == [(2,)]
    before = (between - timedelta(days=1)).isoformat()
    assert "no-backup" in fails(evolved, 3, "restore", into=evolved.folder / "x", at=before).err
    assert "2 backups" in fails(evolved, 3, "restore", "20", into=evolved.folder / "x").err
    assert "bad-option" in fails(evolved, 2, "restore", into=evolved.folder / "x", at="noon").err


def test_it_is_listed_with_the_archives(evolved):
    evolved.done("backup")
    out = evolved.done("backups").out
    found = evolved.done("backups", json=True).json
    assert [one["generation"] for one in found["archives"]] == [evolved.generations()[0].removesuffix(".sqlite3")]
    assert "has 1 backup" in out and "hourly, daily, weekly, monthly" in out and "0001-" in out


def test_prune_removes_what_no_period_needs_and_never_the_newest(evolved, place):
    evolved.done("backup")
    (name,) = names(place, ".json")
    one = manifest.read((place / name).read_bytes())
    stored = (place / one.stored_name).read_bytes()
    for minutes in (1, 2, 3):  # in one hour, unless a new one begins between them
        made_at = one.made_at - timedelta(days=40, minutes=minutes)
        data = {**one.data, "made_at": made_at.isoformat(), "name": manifest.name_of(made_at, one.data["version"])}
        data["stored"] = {**data["stored"], "name": f"{data['name']}.sqlite3.zst"}
        (place / f"{data['name']}.json").write_text(json.dumps(data))
        (place / data["stored"]["name"]).write_bytes(stored)
    dead = f"{manifest.name_of(one.made_at - timedelta(days=2), 'a' * 64)}.sqlite3.zst"
    (place / dead).write_bytes(b"half")
    fresh = f"{manifest.name_of(one.made_at, 'b' * 64)}.sqlite3.zst"
    (place / fresh).write_bytes(b"of an upload that goes on")
    found = evolved.done("backup", prune=True, json=True).json
    assert dead in found["removed"] and fresh not in found["removed"]
    left = evolved.done("backups", json=True).json
    assert left["backups"][0]["name"] == found["backup"]["name"]
    assert 2 <= len(left["backups"]) <= 4 and all(one["kept_as"] for one in left["backups"])
    assert left["incomplete"] == [fresh]


def test_without_a_database_there_is_nothing_to_back_up(project):
    assert "no-database" in fails(project, 3, "backup").err


def test_a_damaged_database_gives_no_backup(evolved, place):
    live = evolved.link.resolve()
    evolved.run_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    page = evolved.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'Users'")[0][0]
    size = evolved.rows("PRAGMA page_size")[0][0]
    with live.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 64)
    assert "[corrupt]" in fails(evolved, 3, "backup").err
    assert not place.exists() or not list(place.iterdir())


def test_the_work_of_a_dead_process_is_removed_by_the_next_backup(evolved):
    left = evolved.archive / "backup-dead"
    left.mkdir()
    (left / "copy.sqlite3").write_bytes(b"x")
    evolved.done("backup")
    assert not list(evolved.archive.glob("backup-*"))


def test_tables_of_every_kind_come_back(project, tmp_path):
    project.run_sql(KINDS)
    project.schema.unlink()
    project.done("adopt")
    project.done("backup")
    output = tmp_path / "restored.sqlite3"
    project.done("restore", into=output)
    assert project.rows("SELECT t FROM words WHERE words MATCH 'run'", output) == [("running dogs",)]
    assert project.rows("SELECT * FROM boxes", output) == [(1, 0.0, 2.0)]
    assert project.rows("SELECT * FROM made", output) == [("Ab", "AB", "ab")]
    assert project.rows("SELECT * FROM bare", output) == [("k", 1)]
    assert project.rows('SELECT * FROM "it\'s ""odd"" too"', output) == [(7,)]
    assert project.rows("PRAGMA integrity_check", output) == [("ok",)]


KINDS = """
CREATE VIRTUAL TABLE words USING fts5(t, tokenize='porter unicode61');
INSERT INTO words VALUES ('running dogs');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
INSERT INTO boxes VALUES (1, 0, 2);
CREATE TABLE made (x TEXT, u TEXT AS (upper(x)) STORED, v TEXT AS (lower(x)));
INSERT INTO made (x) VALUES ('Ab');
CREATE TABLE bare (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;
INSERT INTO bare VALUES ('k', 1);
CREATE TABLE "it's ""odd"" too" (a INTEGER PRIMARY KEY);
INSERT INTO "it's ""odd"" too" VALUES (7);
"""


def with_collation(connection):
    connection.create_collation("backwards", lambda a, b: (a < b) - (a > b))


def test_a_collation_that_only_the_application_knows_is_not_needed_to_restore(project, settings, tmp_path):
    without = settings.SCHEMASYNC
    settings.SCHEMASYNC = {**without, "CONNECT": f"{__name__}.with_collation"}
    project.write({"T": {"id": "TEXT COLLATE backwards PRIMARY KEY"}})
    project.done()
    with closing(sqlite3.connect(project.link)) as connection, connection:
        with_collation(connection)
        connection.execute("INSERT INTO T VALUES ('a'), ('b')")
    project.done("backup")
    settings.SCHEMASYNC = without
    project.done("restore", into=tmp_path / "r.sqlite3")
    with closing(sqlite3.connect(tmp_path / "r.sqlite3")) as connection:
        with_collation(connection)
        assert connection.execute("SELECT id FROM T ORDER BY id").fetchall() == [("b",), ("a",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
