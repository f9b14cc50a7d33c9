"""A backup that was moved over the link, and adopted: the generation that was live is kept, with the rows written since
the backup, and a rollback leads to it."""

import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import timedelta

import pytest

from schemasync.schema import document
from schemasync.sync import prune
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from schemasync.sync.snapshot import snapshot
from tests.support.project import V2

V3 = {**V2, "Shelves": {"id": "INTEGER PRIMARY KEY"}}


@pytest.fixture(autouse=True)
def no_grace(monkeypatch):
    """Allow prune to remove archives that were live a moment ago."""
    monkeypatch.setattr(prune, "GRACE", timedelta(0))


def back_up(project, name="backup.sqlite3"):
    """Back up the database as `sqlite3 .backup` does, and return the file."""
    with closing(sqlite3.connect(project.link)) as source, closing(sqlite3.connect(project.folder / name)) as backup:
        source.backup(backup)
    return project.folder / name


def log(project):
    return [what for (what,) in project.rows("SELECT what FROM Log ORDER BY id")]


@pytest.fixture(params=["of the generation before", "of the live one"])
def moved(request, evolved, settings):
    """A project with an older backup moved over its link. `was_live`: the name of the generation that was live."""
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 1}
    if request.param == "of the live one":
        evolved.write(V3)
        evolved.done()
        backup = back_up(evolved)
    else:
        backup = back_up(evolved)
        evolved.write(V3)
        evolved.done()
    evolved.run_sql("INSERT INTO Log (what) VALUES ('after the backup')")
    evolved.was_live = evolved.live()
    backup.rename(evolved.link)
    return evolved


def test_every_command_names_both_ways_and_the_generation_that_was_live(moved):
    for words in ("", "plan", "rollback"):
        error = moved.call(*words.split(), interactive=False).error
        assert "[not-adopted]" in error
        assert f"{moved.was_live} was live before" in error
        assert "To go on with this file: manage.py schemasync adopt" in error
        assert (
            f"To go back to {moved.was_live}: mv {moved.link} {moved.link}.aside, then: manage.py schemasync" in error
        )
    assert not any(row["live"] for row in moved.done("history", json=True).json["generations"])


def test_the_generation_that_was_live_stays_and_a_rollback_leads_to_it(moved):
    number = moved.was_live.partition("-")[0].lstrip("0")
    out = moved.done("adopt").out
    assert f"{moved.was_live} was live before; to go back to it: manage.py schemasync rollback {number}\n" in out
    assert log(moved) == ["begun"]
    moved.write({**V3, "More": {"id": "INTEGER PRIMARY KEY"}})
    moved.done()
    moved.write({**V3, "More": {"id": "INTEGER PRIMARY KEY"}, "Most": {"id": "INTEGER PRIMARY KEY"}})
    assert [row["generation"] for row in moved.done("history", json=True).json["generations"]].count(
        moved.was_live
    ) == 1

    ahead = moved.done("rollback", number, dry_run=True, json=True).json["differences"]
    assert ahead["tables"]["Log"]["removed"] == 1
    adopted = moved.live()
    moved.done("rollback", number, interactive=False)
    assert moved.live() == moved.was_live
    assert log(moved) == ["begun", "after the backup"]
    moved.done("rollback", adopted, interactive=False)
    assert log(moved) == ["begun"]


def test_no_write_reaches_the_generation_that_was_live(moved):
    with closing(sqlite3.connect(moved.archive / f"{moved.was_live}.sqlite3")) as late:
        moved.done("adopt")
        with pytest.raises(sqlite3.Error, match="schemasync"):
            late.execute("INSERT INTO Log (what) VALUES ('too late')")


def test_what_was_written_since_is_not_said_of_a_backup(moved):
    moved.done("adopt")
    assert "since" not in moved.done("rollback", moved.was_live, dry_run=True).out.replace("After", "")


@pytest.mark.parametrize("how", ["of another installation", "without a history"])
def test_a_file_with_another_past_hides_no_row_from_a_later_prune(evolved, settings, how):
    """The history of the file does not name the generation that was live, so prune does not remove that
    automatically."""
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "KEEP": 1}
    was_live, backup = evolved.live(), back_up(evolved)
    with closing(sqlite3.connect(backup)) as connection:
        if how == "without a history":
            connection.execute("DROP TABLE _schema_versions")
        else:
            connection.execute("UPDATE _schema_versions SET applied_at = '2026-01-01T00:00:00.000Z'")
        connection.commit()
    evolved.run_sql("INSERT INTO Log (what) VALUES ('after the backup')")
    backup.rename(evolved.link)
    out = evolved.done("adopt").out
    assert "was live before" not in out
    for number in range(3):
        evolved.write({**V2, f"t{number}": {"id": "INTEGER PRIMARY KEY"}, "_dropped": [f"t{n}" for n in range(number)]})
        evolved.done()
    assert f"{was_live}.sqlite3" in evolved.generations()
    found = evolved.done("prune", keep=1, dry_run=True, json=True).json
    assert was_live in [one["generation"] for one in found["not_in_history"]]
    assert f"as the history does not know it (see --set-aside): {was_live}" in evolved.done("prune").out
    evolved.done("prune", keep=1, set_aside=True)
    assert f"{was_live}.sqlite3" not in evolved.generations()


@pytest.mark.parametrize(
    ("applied", "goes_on"),
    [
        ([("shop", "0001", "2026-01-01 10:00:00.123456")], True),
        ([("shop", "0001", "2026-01-01 10:00:00.123457")], False),
        ([("shop", "0001", "2026-01-01 10:00:00.123456"), ("shop", "0003", "2026-01-03 10:00:00.5")], False),
        ([], False),
    ],
    ids=["an earlier state", "another installation", "one migration more", "none"],
)
def test_a_backup_from_before_the_history_is_known_by_the_times_of_its_migrations(project, applied, goes_on):
    table = "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app, name, applied)"
    row = "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)"
    backup = project.folder / "backup.sqlite3"
    for path, rows in (
        (project.link, [("shop", "0001", "2026-01-01 10:00:00.123456"), ("shop", "0002", "2026-01-02 10:00:00.5")]),
        (backup, applied),
    ):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"CREATE TABLE Log (id INTEGER PRIMARY KEY, what TEXT); {table}")
            connection.executemany(row, rows)
            connection.commit()
    project.write({"Log": {"id": "INTEGER PRIMARY KEY", "what": "TEXT"}})
    project.done("adopt")
    project.run_sql("INSERT INTO Log (what) VALUES ('only here')")
    was_live = project.live()
    backup.rename(project.link)
    out = project.done("adopt").out
    assert (f"{was_live} was live before" in out) == goes_on
    assert len(project.done("history", json=True).json["generations"]) == 1 + goes_on
    assert f"{was_live}.sqlite3" in project.generations()
    if goes_on:
        assert "Name the one to go back to" in project.call("rollback", interactive=False).error
        ahead = project.done("rollback", was_live, dry_run=True, json=True).json["differences"]
        assert ahead["tables"]["Log"]["removed"] == 1
        project.done("rollback", was_live, interactive=False)
        assert log(project) == ["only here"]


def test_the_generation_before_the_first_sync_is_no_problem(project):
    project.run_sql("CREATE TABLE other (x); INSERT INTO other VALUES (1)")
    error = project.call().error
    assert "To adopt it, with all rows: manage.py schemasync adopt" in error


# --- faults that an attack found ----------------------------------------------------------------------------------


def set_aside(project):
    """Roll back from a live generation that alone has a row, then sync. Return the file name of that generation."""
    project.run_sql("INSERT INTO Log (what) VALUES ('only here')")
    name = project.live()
    project.done("rollback", interactive=False)
    project.write(V3)
    project.done(allow_older=True)
    return f"{name}.sqlite3"


def test_a_prune_without_a_live_generation_removes_nothing_of_that_kind_either(evolved):
    backup = back_up(evolved)
    only = set_aside(evolved)
    backup.rename(evolved.link)
    evolved.done("prune", keep=1)
    assert only in evolved.generations()


def test_nor_does_a_prune_after_an_eject(evolved):
    only = set_aside(evolved)
    evolved.done("eject")
    evolved.done("prune", keep=1)
    assert only in evolved.generations()
    evolved.done("prune", keep=1, set_aside=True)
    assert only not in evolved.generations()


def test_the_generation_before_the_live_one_always_stays(evolved):
    backup = back_up(evolved)
    evolved.write(V3)
    evolved.done()
    backup.rename(evolved.link)
    evolved.done("adopt")
    adopted = evolved.live()
    evolved.write({**V3, "More": {"id": "key"}})
    evolved.done()
    evolved.done("prune", keep=1)
    evolved.done("rollback", interactive=False)
    assert evolved.live() == adopted


def test_a_copy_of_another_installation_is_no_heir(evolved, tmp_path):
    """The generations of the other installation have the same names, but were built from other rows."""
    other = target(tmp_path / "other" / "db.sqlite3")
    shutil.copytree(evolved.folder, other.layout.link.parent, symlinks=True)
    only = set_aside(evolved)
    sync(other, document.read(json.dumps(V3).encode()))
    snapshot(other, tmp_path / "snapshot.sqlite3")
    shutil.move(tmp_path / "snapshot.sqlite3", evolved.link)
    evolved.done("adopt")
    for number in range(4):
        evolved.write({**V3, f"t{number}": {"id": "key"}, "_dropped": [f"t{n}" for n in range(number)]})
        evolved.done()
    assert only in evolved.generations()


@pytest.mark.parametrize("command", ["adopt", "sync", "status"])
def test_an_archive_that_was_moved_over_the_link_is_not_removed(evolved, command):
    evolved.run_sql("INSERT INTO Log (what) VALUES ('only here')")
    name, live = evolved.live(), evolved.generations()[0].removesuffix(".sqlite3")
    evolved.done("rollback", interactive=False)
    (evolved.archive / f"{name}.sqlite3").rename(evolved.link)
    ended = evolved.call(*([] if command == "sync" else [command]))
    printed = ended.out + ended.error
    assert "[state-unknown]" in printed
    assert f"is the archive {name}, which was moved there" in printed
    (line,) = {line.partition(": ")[2] for line in printed.splitlines() if "To move it back" in line}
    subprocess.run(line, shell=True, check=True, cwd=evolved.folder)
    assert evolved.live() == live
    evolved.done("rollback", name, interactive=False)
    assert "only here" in log(evolved)
