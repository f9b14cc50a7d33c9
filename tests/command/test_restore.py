"""manage.py schemasync restore: a backup goes live as a new generation, and the file that was live is kept whole."""

import json
import shutil
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from tests.support.project import V2

pytest.importorskip("backports.zstd")


def fails(project, code, *args, **options):
    ended = project.call(*args, **options)
    assert ended.code == code, ended
    return ended


def users(project):
    return [name for (name,) in project.rows("SELECT full_name FROM Users ORDER BY id")]


def everything(project):
    """Return the sizes of all files in the folder by path, without the side files that readers leave."""
    return {
        path: path.lstat().st_size for path in project.folder.rglob("*") if not path.name.endswith(("-wal", "-shm"))
    }


@contextmanager
def unchanged(project):
    live, before = project.live(), everything(project)
    yield
    assert (project.live(), everything(project)) == (live, before)


@pytest.fixture
def backed_up(evolved):
    """A project with a backup, and with rows written since."""
    evolved.done("backup")
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve'); DELETE FROM Users WHERE id = 2")
    return evolved


def test_it_goes_live_and_what_was_written_since_is_counted_and_set_aside_whole(backed_up):
    before = backed_up.live()
    out = backed_up.done("restore", noinput=True).out
    rows = {line.split()[0]: line.split()[1:4] for line in out.splitlines() if line.startswith("  ")}
    assert f"written since then, and kept whole in {before}" in out
    assert rows["Users"] == ["1", "0", "1"]
    assert users(backed_up) == ["ann", "bob"]
    assert backed_up.live().startswith("0003-")
    assert f"To undo it: manage.py schemasync rollback {before}" in out
    assert "restored in place of" in backed_up.done("history").out
    assert backed_up.done(json=True).json["result"] == "current"
    backed_up.done("rollback", noinput=True)
    assert (backed_up.live(), users(backed_up)) == (before, ["ann", "eve"])


@pytest.mark.slow
def test_json_says_from_what_to_what(backed_up):
    before = backed_up.live()
    found = backed_up.done("restore", noinput=True, json=True).json
    assert (found["result"], found["previous"] == found["version"]) == ("restored", True)
    assert found["generation"] == backed_up.live()
    assert found["source"]["generation"] == before
    assert found["differences"]["tables"]["Users"]["added"] == 1


@pytest.mark.slow
def test_dry_run_shows_it_and_changes_nothing(backed_up):
    with unchanged(backed_up):
        assert "written since then" in backed_up.done("restore", dry_run=True).out
        found = backed_up.done("restore", dry_run=True, json=True).json
    assert found["result"] == "planned"


@pytest.mark.slow
def test_nothing_is_done_without_an_answer(backed_up):
    with unchanged(backed_up):
        assert "prompt-needed" in fails(backed_up, 2, "restore", json=True).err


def test_a_damaged_backup_is_refused_before_anything_is_touched(backed_up):
    (stored,) = (backed_up.folder / "db.sqlite3.backups" / "default").glob("*.zst")
    stored.write_bytes(stored.read_bytes()[:-100])
    with unchanged(backed_up):
        assert "backup-damaged" in fails(backed_up, 4, "restore", noinput=True).err


def test_on_an_empty_machine_a_url_is_enough(backed_up, tmp_path):
    shutil.copytree(backed_up.folder / "db.sqlite3.backups", tmp_path / "elsewhere")
    for path in list(backed_up.folder.iterdir()):
        if path.name.startswith("db.sqlite3"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    backed_up.schema.unlink()
    assert "from a backup: manage.py schemasync restore" in backed_up.done("status").out
    found = backed_up.done("restore", noinput=True, json=True, **{"from": f"file://{tmp_path}/elsewhere"}).json
    assert (found["previous"], found["differences"]) == (None, None)
    assert users(backed_up) == ["ann", "bob"]
    assert [row["action"] for row in backed_up.done("history", json=True).json["generations"]] == [
        "restore", "sync", "sync",
    ]  # fmt: skip
    backed_up.write(V2)
    assert backed_up.done(json=True).json["result"] == "current"


def test_a_database_that_a_start_of_the_site_has_made_since_is_set_aside(backed_up):
    """The volume was lost, and ON_STARTUP created an empty database before an operator could restore it."""
    shutil.rmtree(backed_up.archive)
    backed_up.link.unlink()
    backed_up.done()
    backed_up.run_sql("INSERT INTO Users VALUES (1, 'first visitor')")
    fresh = backed_up.live()
    backed_up.done("restore", noinput=True)
    assert users(backed_up) == ["ann", "bob"]
    assert backed_up.done("prune", keep=1, json=True).json["removed"] == []
    backed_up.done("rollback", noinput=True)
    assert (backed_up.live(), users(backed_up)) == (fresh, ["first visitor"])


@pytest.mark.slow
def test_an_empty_file_at_the_path_is_no_database(backed_up):
    shutil.rmtree(backed_up.archive)
    backed_up.link.unlink()
    backed_up.link.touch()
    backed_up.done("restore", noinput=True)
    assert users(backed_up) == ["ann", "bob"]


@pytest.fixture
def older(synced):
    """A project whose backup has V1; its database has V2, and one more row."""
    synced.done("backup")
    synced.write(V2)
    synced.done()
    synced.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    return synced


def test_an_older_backup_comes_up_to_the_present_schema_if_told(older):
    before = older.live()
    planned = older.done("restore", dry_run=True, sync=True, json=True).json
    found = older.done("restore", noinput=True, sync=True, json=True).json
    assert (found["sync"]["result"], found["sync"]["generation"]) == ("synced", found["generation"])
    assert [planned[key] for key in ("version", "generation")] == [found[key] for key in ("version", "generation")]
    assert users(older) == ["ann", "bob"]
    assert older.done("check").code == 0 and older.done(json=True).json["result"] == "current"
    assert older.generations() == [*older.generations()[:2], f"{found['generation']}.sqlite3"], "no other file was made"
    back = older.done("rollback", dry_run=True, json=True).json["differences"]["tables"]
    assert (found["differences"]["tables"]["Users"]["added"], back["Users"]["removed"]) == (1, 1)
    older.done("rollback", noinput=True)
    assert (older.live(), users(older)) == (before, ["ann", "bob", "eve"])
    older.done("rollback", noinput=True)
    assert (older.live(), users(older)) == (found["generation"], ["ann", "bob"])


def test_what_the_sync_would_refuse_is_refused_before_anything_is_touched(older):
    """Today's rows have a room; those of the backup have none, and there is no default."""
    older.write({**V2, "Users": {**V2["Users"], "room": {"type": "INTEGER NOT NULL", "fill": "1"}}})
    older.done()
    older.write({**V2, "Users": {**V2["Users"], "room": "INTEGER NOT NULL"}})
    with unchanged(older):
        ended = fails(older, 3, "restore", noinput=True, sync=True)
    assert "[hazard]" in ended.err and "room" in ended.err
    older.done("restore", noinput=True)


@pytest.mark.slow
def test_without_that_a_sync_says_what_was_restored(older):
    before = older.live()
    older.done("restore", noinput=True)
    assert older.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",)]
    ended = fails(older, 3)
    assert "older-version" in ended.err and "which was restored" in ended.err
    assert f"To undo the restore: manage.py schemasync rollback {before}" in ended.err
    older.done(allow_older=True)
    assert users(older) == ["ann", "bob"]


def test_an_archive_is_a_backup_of_its_moment_and_stays_one(older):
    between = datetime.now(UTC)
    first, second = (name.removesuffix(".sqlite3") for name in older.generations())
    shutil.rmtree(older.folder / "db.sqlite3.backups")
    assert older.done("restore", noinput=True, at=between.isoformat(), json=True).json["source"]["name"] == first
    assert older.rows("SELECT name FROM Users ORDER BY id") == [("ann",), ("bob",)]
    assert len(older.generations()) == 3
    older.done("restore", second, noinput=True)
    assert users(older) == ["ann", "bob", "eve"]
    output = older.folder / "first.sqlite3"
    older.done("restore", first, into=output)
    assert older.rows("SELECT count(*) FROM sqlite_schema WHERE name LIKE '#_schemasync%' ESCAPE '#'", output) == [(0,)]
    early = (between - timedelta(days=1)).isoformat()
    assert "no-backup" in fails(older, 3, "restore", noinput=True, at=early).err


@pytest.mark.slow
def test_a_backup_from_before_an_alteration_in_place_is_counted_against_it(backed_up):
    """The comparison uses the present names of the columns."""
    columns = {name: text for name, text in V2["Users"].items() if name != "full_name"}
    backed_up.write(
        {**V2, "Users": {**columns, "title": {"type": "TEXT NOT NULL CHECK (title <> '')", "was": ["full_name"]}}}
    )
    backed_up.done(in_place=True)
    found = backed_up.done("restore", noinput=True, json=True).json
    counts = {"added": 1, "changed": 0, "removed": 1, "comparable": True, "note": "", "not_compared": []}
    assert found["differences"]["tables"] == {"Users": counts}
    assert users(backed_up) == ["ann", "bob"]
    back = backed_up.done("rollback", dry_run=True, json=True).json["differences"]["tables"]
    assert back == {"Users": {**counts, "added": 1, "removed": 1}}
    backed_up.done(allow_older=True)
    assert backed_up.rows("SELECT title FROM Users ORDER BY id") == [("ann",), ("bob",)]


@pytest.mark.slow
def test_one_that_a_sync_brings_over_that_alteration_is_counted_so_too(backed_up):
    columns = {name: text for name, text in V2["Users"].items() if name != "full_name"}
    title = {"title": {"type": "TEXT NOT NULL CHECK (title <> '')", "was": ["full_name"]}}
    backed_up.write({**V2, "Users": {**columns, **title}})
    backed_up.done(in_place=True)
    found = backed_up.done("restore", noinput=True, sync=True, json=True).json
    counts = {"added": 1, "changed": 0, "removed": 1, "comparable": True, "note": "", "not_compared": []}
    assert found["differences"]["tables"] == {"Users": counts}
    assert backed_up.rows("SELECT title FROM Users ORDER BY id") == [("ann",), ("bob",)]
    backed_up.run_sql("DELETE FROM Users WHERE id = 1")
    back = backed_up.done("rollback", dry_run=True, json=True).json["differences"]["tables"]
    assert back == {"Users": {**counts, "added": 1, "removed": 2}}


@pytest.mark.slow
def test_on_an_empty_machine_with_a_sync(older, tmp_path):
    shutil.rmtree(older.archive)
    older.link.unlink()
    found = older.done("restore", noinput=True, sync=True, json=True).json
    assert (found["previous"], found["sync"]["result"], len(older.generations())) == (None, "synced", 1)
    assert users(older) == ["ann", "bob"] and older.done(json=True).json["result"] == "current"
    older.write({**V2, "More": {"id": "INTEGER PRIMARY KEY"}})
    older.done()
    older.done("rollback", noinput=True)
    assert users(older) == ["ann", "bob"]


@pytest.mark.slow
def test_it_has_the_permissions_of_the_file_that_was_live(backed_up):
    backed_up.link.resolve().chmod(0o640)
    backed_up.done("restore", noinput=True)
    assert backed_up.link.stat().st_mode & 0o777 == 0o640


def test_a_file_that_was_never_adopted_is_not_replaced(project):
    project.run_sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    project.done("backup")
    before = project.link.read_bytes()
    assert "not-adopted" in fails(project, 3, "restore", noinput=True).err
    assert project.link.read_bytes() == before
    project.link.unlink()
    ended = fails(project, 3, "restore", noinput=True)
    assert "no-history" in ended.err and "--into FILE" in ended.err
    project.done("restore", into=project.link)
    assert project.rows("SELECT x FROM t") == [(1,)]


def test_folders_of_others_beside_the_database_stay(project):
    mine = [project.folder / name for name in ("backup-2025", ".restore-mine", ".backup-mine")]
    for folder in mine:
        folder.mkdir()
    project.run_sql("CREATE TABLE t (x)")
    project.done("backup")
    project.done("restore", into=project.folder / "copy.sqlite3")
    assert all(folder.is_dir() for folder in mine)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("s3://key:secret@bucket/x", "a user or a password"),
        ("ftp://host/x", "its scheme is none of file, s3"),
        ("s3:///x", "it names no place"),
        ("s3://bucket?acl=public", "it has acl"),
        ("file://elsewhere/x", "it names no place"),
    ],
)
def test_a_url_that_names_no_storage_is_refused(project, address, why):
    err = fails(project, 2, "restore", noinput=True, **{"from": address}).err
    assert why in err and "secret" not in err


@pytest.mark.slow
def test_its_history_row_says_which_backup_it_was(backed_up):
    name = backed_up.done("backups", json=True).json["backups"][0]["name"]
    backed_up.done("restore", noinput=True)
    ((plan,),) = backed_up.rows("SELECT plan FROM _schema_versions ORDER BY id DESC LIMIT 1")
    assert json.loads(plan)["backup"]["name"] == name


def overwrite(project, page):
    live = project.link.resolve()
    project.run_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    size = project.rows("PRAGMA page_size")[0][0]
    with live.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * 200)


@pytest.mark.slow
def test_a_live_file_with_damaged_tables_is_set_aside(backed_up):
    before = backed_up.live()
    overwrite(backed_up, backed_up.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'Users'")[0][0])
    out = backed_up.done("restore", noinput=True).out
    assert "not comparable" in out
    assert users(backed_up) == ["ann", "bob"]
    assert (backed_up.archive / f"{before}.sqlite3").exists()


@pytest.mark.slow(but=["not readable"])
@pytest.mark.parametrize("loss", ["not readable", "gone"])
def test_a_live_file_that_cannot_be_closed_is_moved_aside_as_the_hint_says(backed_up, loss):
    if loss == "gone":
        backed_up.link.resolve().unlink()
    else:
        overwrite(backed_up, 1)
    error = backed_up.call("restore", noinput=True).err
    (move,) = [line.partition("then: ")[2] for line in error.splitlines() if "in place of it" in line]
    subprocess.run(move, shell=True, check=True)
    backed_up.done("restore", noinput=True)
    assert users(backed_up) == ["ann", "bob"]


# --- the check of the project -------------------------------------------------------------------------------------

SEEN = []


def look(using):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT name FROM pragma_table_info('Users')")
        columns = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT count(*) FROM Users")
        SEEN.append((columns[1], *cursor.fetchone()))
    return SEEN[-1][1] < 3


@pytest.fixture
def looked_at(settings):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "HEALTH": f"{__name__}.look"}
    SEEN.clear()


@pytest.mark.parametrize("command", ["", "PRAGMA journal_mode=WAL"], ids=["as it is", "every connection sets WAL"])
def test_the_check_of_the_project_looks_at_what_goes_live(backed_up, looked_at, command, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", {"init_command": command})
    connections["default"].close()
    assert backed_up.done("drill", json=True).json["result"] == "passed"
    backed_up.done("restore", noinput=True)
    assert SEEN == [("full_name", 2)] * 2 and users(backed_up) == ["ann", "bob"]
    assert backed_up.rows("PRAGMA integrity_check") == [("ok",)]


def test_what_the_check_refuses_does_not_go_live(evolved, looked_at):
    evolved.run_sql("INSERT INTO Users VALUES (3, 'eve')")
    evolved.done("backup")
    evolved.run_sql("DELETE FROM Users WHERE id > 1")
    with unchanged(evolved):
        ended = fails(evolved, 4, "restore", noinput=True)
        assert "[health-check-failed] tests.command.test_restore.look returned False for the backup 20" in ended.err
        assert "The live file is unchanged." in ended.err and "--into FILE" in ended.err
        fails(evolved, 4, "restore", dry_run=True)
    assert users(evolved) == ["ann"]
    evolved.done("restore", into=evolved.folder / "look.sqlite3")


def test_of_a_backup_that_a_sync_is_to_follow_the_check_sees_what_the_sync_makes(older, looked_at):
    older.done("restore", noinput=True, sync=True)
    assert [column for column, _ in SEEN] == ["full_name"]


def test_where_no_database_is_nothing_is_at_stake_and_the_check_is_not_asked(backed_up, looked_at, tmp_path):
    shutil.copytree(backed_up.folder / "db.sqlite3.backups", tmp_path / "kept")
    shutil.rmtree(backed_up.archive)
    backed_up.link.unlink()
    backed_up.call("restore", noinput=True, **{"from": str(tmp_path / "kept")})
    assert users(backed_up) == ["ann", "bob"] and SEEN == []
